// Where the page's own script does not come to life, the page reloads itself. It is no module, imports nothing, and is written
// for old browsers, so that it runs where the others do not.

(function () {
  var own = document.currentScript;
  var secs = own ? Number(own.getAttribute("data-secs")) : 0;
  var path = own ? own.getAttribute("data-path") : null;
  if (!secs) return;
  // On a slow network the modules take their time, and each reload brings more of them.
  setTimeout(function () {
    if (document.documentElement.getAttribute("data-alive")) return;
    if (path) location.replace(path);
    else location.reload();
  }, Math.max(10, secs) * 1000);
})();
