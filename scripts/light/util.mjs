// Stands for node:util in the bundle. Importing that evaluates all its getters, of which few are wanted here.
export const { stripVTControlCharacters, styleText } = process.getBuiltinModule("node:util");
