(function () {
  "use strict";
  var all = function (query, root) { return Array.prototype.slice.call((root || document).querySelectorAll(query)); };
  all(".tools").forEach(function (tools) {
    var rows = all("tbody tr", document.getElementById(tools.dataset.table));
    var search = tools.querySelector("input"), count = tools.querySelector(".count"), buttons = all("button", tools);
    function show() {
      var word = search.value.toLowerCase(), levels = buttons.filter(function (b) { return b.getAttribute("aria-pressed") === "true"; }).map(function (b) { return b.dataset.level; }), shown = 0;
      rows.forEach(function (row) {
        var keep = (!levels.length || levels.indexOf(row.dataset.level) >= 0) && row.textContent.toLowerCase().indexOf(word) >= 0;
        row.hidden = !keep; if (keep) { shown += 1; }
      });
      count.textContent = shown + " of " + rows.length;
    }
    search.addEventListener("input", show);
    buttons.forEach(function (b) { b.addEventListener("click", function () { b.setAttribute("aria-pressed", b.getAttribute("aria-pressed") === "true" ? "false" : "true"); show(); }); });
  });
  all("table.sortable th").forEach(function (head) {
    head.tabIndex = 0;
    function sort() {
      var body = head.closest("table").tBodies[0], i = head.cellIndex, up = head.dataset.up !== "1";
      head.dataset.up = up ? "1" : "0";
      all("tr", body).sort(function (a, b) {
        var x = a.cells[i].textContent, y = b.cells[i].textContent, n = parseFloat(x) - parseFloat(y);
        return (isNaN(n) ? x.localeCompare(y) : n) * (up ? 1 : -1);
      }).forEach(function (row) { body.appendChild(row); });
    }
    head.addEventListener("click", sort);
    head.addEventListener("keydown", function (e) { if (e.key === "Enter") { sort(); } });
  });
  var dialog = document.querySelector("dialog");
  all(".picture").forEach(function (picture) {
    function enlarge() { if (!dialog.showModal) { return; } dialog.lastElementChild.replaceChildren(picture.querySelector("svg").cloneNode(true)); dialog.showModal(); }
    picture.addEventListener("click", enlarge);
    picture.addEventListener("keydown", function (e) { if (e.key === "Enter") { enlarge(); } });
  });
  all("button.copy").forEach(function (b) {
    b.addEventListener("click", function () {
      var text = document.getElementById(b.dataset.for).innerText;
      if (navigator.clipboard) { navigator.clipboard.writeText(text).then(function () { b.textContent = "Copied"; }); }
    });
  });
  all("button.save").forEach(function (b) {
    b.addEventListener("click", function () {
      var link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([document.getElementById(b.dataset.for).textContent], { type: "text/csv" }));
      link.download = b.dataset.name; link.click(); URL.revokeObjectURL(link.href);
    });
  });
  if (window.IntersectionObserver) {
    var links = {}; all("nav a").forEach(function (a) { links[a.hash.slice(1)] = a; });
    var seen = new IntersectionObserver(function (entries) {
      entries.forEach(function (e) { if (e.isIntersecting) { all("nav a.here").forEach(function (a) { a.classList.remove("here"); }); links[e.target.id].classList.add("here"); } });
    }, { rootMargin: "-20% 0px -70% 0px" });
    all("main section").forEach(function (s) { seen.observe(s); });
  }
})();
