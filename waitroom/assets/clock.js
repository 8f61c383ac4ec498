// A clock in a worker: browsers slow the timers of a hidden page down to one a minute, and whoever waits in another tab
// wants to hear of their turn at once.

let timer;
onmessage = ({ data }) => {
  clearTimeout(timer);
  timer = setTimeout(() => postMessage(null), data);
};
