// Before the first paint, so that the chosen theme doesn't come in a flash of the other.
try {
  const chosen = localStorage.getItem("vmbuilder-theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch {
  // A browser that keeps nothing: the system's theme holds.
}
