import * as z from "zod";
import { findShippedRecipe, listShippedRecipes, shippedFiles } from "../../core/shipped-recipes.ts";
import { DISTROS } from "../../distros/index.ts";
import { FORMATS } from "../../formats/index.ts";
import { HYPERVISORS } from "../../hypervisors/index.ts";
import { RECIPE_KEYS, recipeDefault } from "../../model/recipe.ts";
import { type Route, route } from "../http/route.ts";
import { previewRecipe } from "../jobs/preview-recipe.ts";
import { checkRecipe } from "../recipes/check-recipe.ts";
import { recipeInput } from "../recipes/recipe-input.ts";
import { REFUSED_KEYS } from "../recipes/recipe-rules.ts";

const bytes = z.int().min(0);
const body = z.strictObject(recipeInput);
const problem = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  path: z.array(z.string()).optional(),
  line: z.int().optional(),
  column: z.int().optional(),
});
const named = { name: z.string(), title: z.string() };
const choicesSchema = z.object({
  distros: z.array(z.object({ ...named, suites: z.array(z.object({ name: z.string(), isDefault: z.boolean() })) })),
  hypervisors: z.array(z.object({ ...named, formats: z.array(z.string()), architectures: z.array(z.string()) })),
  formats: z.array(z.object(named)),
  defaults: z.record(z.string(), z.unknown()),
  simple: z.array(z.string()),
  refused: z.array(z.string()),
  allowedMirrors: z.array(z.string()),
});
export const planSchema = z
  .object({
    summary: z.string(),
    hostname: z.string(),
    suite: z.string(),
    architecture: z.string(),
    logins: z.array(z.string()),
    disks: z.array(
      z.object({
        sizeBytes: bytes,
        partitions: z.array(
          z.object({
            number: z.int(),
            role: z.string(),
            sizeBytes: bytes,
            fs: z.string().nullable(),
            mounts: z.array(z.string()),
          }),
        ),
      }),
    ),
    packages: z.int(),
    packageBytes: bytes,
    installedBytes: bytes,
    downloadBytes: bytes,
    steps: z.array(z.object({ step: z.string(), title: z.string(), isCached: z.boolean(), added: z.int().optional() })),
    isCached: z.boolean(),
    estimate: z.object({ seconds: z.number(), basis: z.enum(["measured", "guessed"]) }),
  })
  .meta({ id: "Plan" });

/** Keys that most people want, in the order of a form. */
const SIMPLE_KEYS = [
  ...["distro", "suite", "hostname", "rootsize", "mem", "cpus", "user", "pass", "ssh-user-key", "rootpass", "ssh-key"],
  ...["addpkg", "tasks", "hypervisor", "format"],
];

/** What a recipe may say, and what would come of it. */
export const RECIPE_ROUTES: readonly Route[] = [
  route({
    method: "get",
    path: "/schema",
    summary: "The JSON Schema of a recipe",
    access: "user",
    answers: { 200: z.record(z.string(), z.unknown()) },
    handle: async ({ server }) => ({ status: 200, body: server.settings.recipeSchema() }),
  }),
  route({
    method: "get",
    path: "/choices",
    summary: "What there is to choose from",
    access: "user",
    answers: { 200: choicesSchema },
    async handle({ server }) {
      const distros = DISTROS.map(async ({ name, title, listSuites, resolveSuite }) => {
        const standard = await resolveSuite(undefined).catch(() => undefined);
        const names = await listSuites().catch(() => []);
        return { name, title, suites: names.map((suite) => ({ name: suite, isDefault: suite === standard })) };
      });
      const choices: z.output<typeof choicesSchema> = {
        distros: await Promise.all(distros),
        hypervisors: HYPERVISORS.map(({ name, title, format, architectures }) => {
          return { name, title, formats: [format], architectures: [...architectures] };
        }),
        formats: FORMATS.map(({ name, title }) => ({ name, title })),
        defaults: Object.fromEntries(
          RECIPE_KEYS.map((key) => [key, recipeDefault(key)]).filter(([, value]) => value !== undefined),
        ),
        simple: SIMPLE_KEYS,
        refused: [...REFUSED_KEYS, "exec-network"],
        allowedMirrors: [...server.settings.mirrorHosts],
      };
      return { status: 200, body: choices };
    },
  }),
  route({
    method: "get",
    path: "/recipes",
    summary: "Lists the recipes that come with vmbuilder",
    access: "user",
    answers: { 200: z.object({ items: z.array(z.object(named)) }) },
    async handle() {
      const items = (await listShippedRecipes()).map(({ name, title }) => ({ name, title }));
      return { status: 200, body: { items } };
    },
  }),
  route({
    method: "get",
    path: "/recipes/{name}",
    summary: "Gives a recipe that comes with vmbuilder, and the files that it names",
    access: "user",
    answers: { 200: z.object({ ...named, yaml: z.string(), files: z.record(z.string(), z.string()) }) },
    async handle({ params }) {
      const recipe = await findShippedRecipe(params.name ?? "");
      const { name, title, yaml } = recipe;
      return { status: 200, body: { name, title, yaml, files: Object.fromEntries(await shippedFiles(recipe)) } };
    },
  }),
  route({
    method: "post",
    path: "/recipes/check",
    summary: "Says what is wrong with a recipe, and gives it in both forms",
    access: "user",
    body,
    answers: {
      200: z.object({
        isValid: z.boolean(),
        values: z.record(z.string(), z.unknown()).nullable(),
        yaml: z.string().nullable(),
        problems: z.array(problem),
      }),
    },
    async handle({ body, server, caller }) {
      server.limits.checks.take(caller.user.name);
      const rules = { work: server.folder.work, hosts: server.settings.mirrorHosts };
      return { status: 200, body: await checkRecipe(body, rules) };
    },
  }),
  route({
    method: "post",
    path: "/plans",
    summary: "Says what a build would do, and how long it would take",
    access: "builder",
    body,
    answers: { 200: planSchema },
    async handle({ body, server, caller, request }) {
      server.limits.plans.take(caller.user.name);
      return { status: 200, body: await previewRecipe(body, server, request.signal) };
    },
  }),
];
