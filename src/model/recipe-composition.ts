import * as z from "zod";

/** Name of a variable. */
export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const scalar = z.union([z.string(), z.number(), z.boolean()], "is no text, number, true or false");
const axisValue = z.union([scalar, z.array(scalar)]);
const file = z.string().min(1).max(4096);

/** Keys of a recipe file that say what else belongs to it; a joined recipe has them no more. */
export const compositionSchema = z.strictObject({
  include: z
    .union([z.array(file), file.transform((one) => [one])])
    .default([])
    .describe("recipes to start from, relative to this file; what comes later replaces what came earlier"),
  vars: z
    .record(z.string().regex(VARIABLE_NAME, "is no name of a variable"), scalar)
    .default({})
    .describe(`variables, used as \${NAME} or \${NAME:-default}; --var NAME=VALUE replaces them`),
  matrix: z
    .record(z.string(), z.array(axisValue).min(1, "must have values").max(64, "must be at most 64"))
    .default({})
    .describe("keys with several values: each combination is a machine"),
});

/** A value of a key in a matrix. */
export type AxisValue = z.output<typeof axisValue>;

/** Names of the keys of {@link compositionSchema}. */
export const COMPOSITION_KEYS: readonly string[] = Object.keys(compositionSchema.shape);
