// Before a page is drawn: light or dark, as it was chosen, or as the system is.
(function () {
  var mode = "auto", page = document.documentElement;
  try { mode = localStorage.getItem("mode") || mode; } catch (error) { /* a browser that keeps nothing */ }
  page.dataset.mode = mode;
  page.dataset.theme = mode === "auto" ? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light") : mode;
  page.classList.add("scripted");
})();
