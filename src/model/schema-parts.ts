import * as z from "zod";
import { parseSize } from "./size.ts";

/** A size with or without a unit, as bytes. */
export const size = z.union([z.string(), z.number()]).transform((value, ctx) => {
  try {
    return parseSize(value);
  } catch (error) {
    ctx.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
    return z.NEVER;
  }
});

/** One value, or a list of them. */
export const list = <T extends z.ZodType>(item: T) => z.union([z.array(item), item.transform((one) => [one])]);
