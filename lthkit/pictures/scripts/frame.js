// In a frame of JupyterLab: its theme, if the frame may ask. Elsewhere the reader's system says light or dark.
try {
  const light = window.frameElement && window.parent.document.body.dataset.jpThemeLight;
  if (light) document.documentElement.dataset.theme = light === "true" ? "light" : "dark";
} catch (error) { /* a frame that may not ask */ }
