# shellcheck shell=bash
# A real SMTP server that delivers nothing: Debian's aiosmtpd, which puts every message into a Maildir.

# mail_command DIR PORT: the Maildir is DIR/box.
mail_command() {
  # shellcheck disable=SC2034 # for ops/stack
  MAIL_COMMAND=("$(mail_python)" -m aiosmtpd -n -l "127.0.0.1:$2" -c aiosmtpd.handlers.Mailbox "$1/box")
}

# mail_answers PORT: does it greet as a mail server does? Said goodbye to, so that its log stays free of broken connections.
mail_answers() {
  local greeting
  greeting="$(
    exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    read -r -t 2 line <&3 || exit 1
    printf 'QUIT\r\n' >&3
    read -r -t 2 _ <&3 || true
    printf '%s' "$line"
  )"
  [[ "$greeting" == 220* ]]
}
