// In a frame of JupyterLab: its theme, if the frame may ask. Elsewhere the reader's system says light or dark.
try {
  const lab = window.frameElement && window.parent.document.body;
  const follow = () => {
    const light = lab.dataset.jpThemeLight;
    if (light) document.documentElement.dataset.theme = light === "true" ? "light" : "dark";
  };
  if (lab) {
    follow();
    new MutationObserver(follow).observe(lab, { attributeFilter: ["data-jp-theme-light"] });
  }
} catch (error) { /* a frame that may not ask */ }
