// Stands for node:process in the bundle. Importing that evaluates all its getters: 15 ms, for what is a global anyway.
export default globalThis.process;
