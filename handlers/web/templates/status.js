// The page says itself when it is too old to be believed: wherever it lies, and though all else is down.
(function () {
  var page = document.documentElement, banner = document.getElementById("stale");
  var asOf = Date.parse(page.dataset.asOf), staleAfter = Number(page.dataset.staleAfter) * 1000;
  var served = location.protocol !== "file:", AGAIN = 60000, asked = Date.now();
  function span(ms) {
    var minutes = Math.floor(ms / 60000), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
    if (days) return days + (days > 1 ? " days" : " day");
    if (hours) return hours + (hours > 1 ? " hours" : " hour");
    return minutes + (minutes === 1 ? " minute" : " minutes");
  }
  function look() {
    var age = Date.now() - asOf, stale = age > staleAfter;
    if (stale) banner.querySelector("b").textContent = "This page was last confirmed " + span(age) + " ago.";
    if (banner.hidden === stale) banner.hidden = !stale;
  }
  function renew() {
    if (!served || document.hidden || Date.now() - asked < AGAIN) return;
    asked = Date.now();
    fetch(location.href, { cache: "no-store" }).then(function (answer) { return answer.ok ? answer.text() : ""; })
      .then(function (text) {
        var found = /data-as-of="([^"]+)"/.exec(text);
        if (found && Date.parse(found[1]) > asOf) location.reload();
      }).catch(function () {});
  }
  look();
  setInterval(function () { look(); renew(); }, 5000);
  document.addEventListener("visibilitychange", function () { look(); renew(); });
})();
