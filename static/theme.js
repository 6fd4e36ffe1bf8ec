// Loaded in <head>, before anything is drawn: the right theme from the first frame on.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const remembered = () => {
    try { return localStorage.getItem("belldesk-theme"); } catch { return null; }
  };
  const choice = () => root.dataset.themeChoice || remembered() || "auto";
  const paint = () => {
    const dark = choice() === "dark" || (choice() === "auto" && system.matches);
    root.dataset.bsTheme = dark ? "dark" : "light";
  };
  root.classList.add("js");
  root.addEventListener("belldesk:theme", (event) => {
    root.dataset.themeChoice = event.detail;
    try { localStorage.setItem("belldesk-theme", event.detail); } catch { /* private window */ }
    paint();
  });
  system.addEventListener("change", paint);
  paint();
})();
