// What the pages do when they are touched: colours, the two drawers of a narrow screen, copy buttons, scrolling by keyboard.
(function () {
  "use strict";
  var page = document.documentElement;
  var system = matchMedia("(prefers-color-scheme: dark)");

  function show(mode) {
    page.dataset.mode = mode;
    page.dataset.theme = mode === "auto" ? (system.matches ? "dark" : "light") : mode;
  }

  var choice = document.querySelector(".site-colours");
  if (choice) choice.value = page.dataset.mode;
  if (choice) choice.addEventListener("change", function () {
    try { localStorage.setItem("mode", choice.value); } catch (error) { /* it holds for this page only */ }
    show(choice.value);
  });
  system.addEventListener("change", function () { show(page.dataset.mode); });

  // A drawer shows what stands beside the text on a wide screen, and gives it back when it closes.
  function moved(from, to) {
    while (from.firstChild) to.appendChild(from.firstChild);
    to.className = from.className;
    from.className = "";
  }
  function drawer(button) {
    var aside = document.getElementById(button.dataset.opens);
    var dialog = document.getElementById(button.dataset.opens + "-modal");
    if (!aside || !dialog || !aside.textContent.trim()) { button.remove(); return; }
    button.setAttribute("aria-haspopup", "dialog");
    button.addEventListener("click", function () {
      moved(aside, dialog);
      dialog.showModal();
    });
    dialog.addEventListener("click", function (event) {
      if (event.target === dialog || event.target.closest("a")) dialog.close();
    });
    dialog.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { event.preventDefault(); dialog.close(); }
    });
    dialog.addEventListener("close", function () { moved(dialog, aside); });
    matchMedia("(min-width: 960px)").addEventListener("change", function () { if (dialog.open) dialog.close(); });
  }
  document.querySelectorAll(".site-drawer").forEach(drawer);

  function copier(block) {
    var code = block.querySelector("pre");
    if (!code || block.querySelector(".copy")) return;
    var button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy this code");
    button.addEventListener("click", function () {
      function said(text) {
        button.textContent = text;
        button.setAttribute("aria-label", text);
        setTimeout(function () { button.textContent = "Copy"; button.setAttribute("aria-label", "Copy this code"); }, 1500);
      }
      if (!navigator.clipboard) { said("Not here"); return; }
      navigator.clipboard.writeText(code.innerText).then(function () { said("Copied"); }, function () { said("Not here"); });
    });
    block.classList.add("has-copy");
    block.appendChild(button);
  }
  document.querySelectorAll("article .highlight").forEach(function (block) {
    if (!block.closest(".output") && !block.closest(".source-page")) copier(block);
  });

  // The list of pages shows the one that is open.
  var list = document.getElementById("pst-primary-sidebar");
  var here = list && Array.from(list.querySelectorAll(".current > a")).pop();
  if (here) list.scrollTop += Math.max(0, here.getBoundingClientRect().bottom + 24 - list.getBoundingClientRect().bottom);

  // A comment behind code does not wrap: what goes on in the next line would be read as code.
  document.querySelectorAll(".highlight .c1").forEach(function (comment) {
    var before = "";
    for (var part = comment.previousSibling; part && before.indexOf("\n") < 0; part = part.previousSibling) before = part.textContent + before;
    if (!before.slice(before.lastIndexOf("\n") + 1).trim()) comment.classList.add("own-line");
  });

  // What scrolls sideways can be reached and scrolled with the keyboard.
  function stops() {
    document.querySelectorAll("pre, .lth-table, .pst-scrollable-table-container, .output, .formula, .lth-says").forEach(function (part) {
      if (part.scrollWidth > part.clientWidth + 1) part.tabIndex = 0;
      else if (part.tabIndex === 0) part.removeAttribute("tabindex");
    });
  }
  stops();
  addEventListener("load", stops);
  addEventListener("resize", stops);
  document.addEventListener("toggle", stops, true);

  // A link into something that is folded opens it.
  function opened() {
    var name = location.hash.slice(1);
    try { name = decodeURIComponent(name); } catch (error) { /* a lone %, which is no name */ }
    var target = name && document.getElementById(name);
    for (var part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    if (target) target.scrollIntoView();
  }
  addEventListener("hashchange", opened);
  if (location.hash && document.querySelector("details " + "[id]")) opened();

  // What has a number or an entry of its own, above what the search of all words finds.
  var known = document.querySelector(".search-known");
  if (known) {
    var asked = (new URLSearchParams(location.search).get("q") || "").trim();
    var field = document.querySelector(".bd-search-container input");
    field.value = asked;
    asked = asked.toLowerCase().replace(/^(exercise|question)\s+/, "");
    Object.keys(window.KNOWN).forEach(function (name) {
      var own = name.toLowerCase();
      if (!asked || !(own === asked || (asked.length > 2 && !/^\d/.test(own) && own.indexOf(asked) >= 0))) return;
      var item = document.createElement("li"), link = document.createElement("a");
      link.href = window.KNOWN[name][1];
      link.textContent = window.KNOWN[name][0];
      item.appendChild(link);
      known.appendChild(item);
    });
  }

  var again = document.querySelector(".story-again");
  if (again) again.addEventListener("click", function () {
    var story = document.querySelector(".story");
    story.classList.remove("plays");
    void story.offsetWidth;
    story.classList.add("plays");
    if (story.getBoundingClientRect().top < 0) story.scrollIntoView();
  });
})();
