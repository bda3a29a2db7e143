// Applies the colour scheme that the reader chose, before the first paint; without a choice the system's holds.
(() => {
  const chosen = localStorage.getItem("ontogeny-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
