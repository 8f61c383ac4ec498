# E-Mails an Fans, auf Deutsch.

greeting = Guten Tag { $name },
greeting-plain = Guten Tag,
farewell = Ihre Kasse bei Fairgate
footer = Sie bekommen diesen Brief, weil diese Adresse bei der Bestellung { $order } angegeben wurde.

when-label = Wann
doors-label = Einlass
where-label = Wo
order-label = Bestellung
amount-label = Betrag

weekday =
    { $weekday ->
        [mon] Montag
        [tue] Dienstag
        [wed] Mittwoch
        [thu] Donnerstag
        [fri] Freitag
        [sat] Samstag
       *[sun] Sonntag
    }
month =
    { $month ->
        [1] Januar
        [2] Februar
        [3] März
        [4] April
        [5] Mai
        [6] Juni
        [7] Juli
        [8] August
        [9] September
        [10] Oktober
        [11] November
       *[12] Dezember
    }
zone = Ortszeit { $city }
moment = { weekday }, { $day }. { month } { $year }, { $time } Uhr ({ $zone })
doors = ab { $time } Uhr

ticket-subject =
    { $count ->
        [one] Ihre Karte für { $show }
       *[other] Ihre { $count } Karten für { $show }
    }
ticket-heading =
    { $count ->
        [one] Ihre Karte
       *[other] Ihre { $count } Karten
    }
ticket-intro =
    { $count ->
        [one] Sie ist bezahlt. Zeigen Sie den Code am Einlass, auf dem Telefon oder auf Papier.
       *[other] Sie sind bezahlt. Zeigen Sie jeden Code am Einlass, auf dem Telefon oder auf Papier.
    }
ticket-keep = Der Link unten öffnet Ihre Karten jederzeit wieder. Wer ihn hat, kann sie benutzen; geben Sie ihn nur an Menschen weiter, mit denen Sie hingehen.
ticket-title = Karte { $number } von { $count }
ticket-code = Code
ticket-picture = QR-Code der Karte { $number }
ticket-link = Karten öffnen

refund-subject = Ihr Geld für { $show } ist auf dem Rückweg
refund-heading = Ihre Erstattung
refund-intro = Wir haben { $amount } auf Ihr Zahlungsmittel zurückgebucht. Bis Ihre Bank es anzeigt, können einige Tage vergehen.
refund-void = Die Karten dieser Bestellung gelten nicht mehr und lassen niemanden ein.
refund-link = Bestellung ansehen

answer-subject = Wir haben Ihre Frage zu { $show } beantwortet
answer-heading = Unsere Antwort
answer-intro = Sie haben uns zu Ihrer Bestellung geschrieben. Das ist unsere Antwort:
answer-reply = Um zurückzuschreiben, öffnen Sie Ihre Bestellung und wählen Sie dort Hilfe. Diese Adresse wird nicht gelesen.
answer-link = Bestellung öffnen

link-subject = Ein neuer Link zu Ihrer Bestellung für { $show }
link-heading = Ihr neuer Link
link-intro = Der Link unten öffnet Ihre Bestellung. Die Links in früheren Briefen tun es nicht mehr.
link-keep = Wer den Link hat, sieht Ihre Karten und kann sie benutzen; geben Sie ihn nur an Menschen weiter, mit denen Sie hingehen.
link-link = Bestellung öffnen

near-subject = Für { $show } sind Sie bald an der Reihe: { $when }
near-heading = Sie sind bald an der Reihe
near-between = zwischen { $from } und { $to } Uhr
near-at = gegen { $time } Uhr
near-intro = Sie kommen { $when } hinein ({ $zone }). Es kann auch schneller gehen, öffnen Sie Ihren Platz also jetzt.
near-keep = Öffnen Sie ihn dort, wo Sie sich angestellt haben: im selben Browser oder unter der Adresse, die Sie sich gemerkt haben. Wenn Sie an der Reihe sind, haben Sie kurze Zeit, um hineinzugehen; danach geht Ihr Platz an den nächsten.
near-link = Platz öffnen
near-footer = Sie bekommen diese E-Mail, weil jemand, der für { $show } ansteht, diese Adresse angegeben hat. Es ist die einzige, und die Adresse wird jetzt gelöscht.
