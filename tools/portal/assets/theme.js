// Before the first paint: the colours that the reader chose.
(() => {
  try {
    const theme = localStorage.getItem("shoal.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is closed, as in some private windows: the system decides.
  }
})();
