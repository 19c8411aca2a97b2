// RISE's page has no @jupyterlab/console, and without it ipywidgets does not start (jupyterlab-contrib/rise #119).
// All that ipywidgets takes from it is the name of a service that may be missing.
window._JUPYTERLAB = window._JUPYTERLAB || {};
window._JUPYTERLAB["genlab-slides"] = {
  async init(shared) {
    if (!location.pathname.includes("/rise/")) return;
    const [lumino] = Object.values(shared["@lumino/coreutils"]);
    const stub = async () => {
      const { Token } = (await lumino.get())();
      return () => ({ IConsoleTracker: new Token("@jupyterlab/console:IConsoleTracker") });
    };
    shared["@jupyterlab/console"] = { "4.0.0": { get: stub, from: "genlab-slides" } };
  },
  async get() {
    return () => ({ __esModule: true, default: [] });
  },
};
