import { stringify } from "yaml";
import * as z from "zod";
import { VmbuilderError } from "../../model/errors.ts";
import { type Route, route, type UserAsk } from "../http/route.ts";
import { profileSchema, showProfile } from "../http/views.ts";
import { SECRET_KEYS } from "../recipes/recipe-folder.ts";
import { recipeInput, takeRecipe } from "../recipes/recipe-input.ts";
import { findProfile, listProfiles, type Profile, removeProfile, saveProfile } from "../store/profiles.ts";
import { audit, listOf, owned, pageOf, pageQuery, seen, visibleTo } from "./common.ts";

const content = z.strictObject({
  name: z.string().trim().min(1).max(100),
  recipe: recipeInput.recipe,
  yaml: recipeInput.yaml,
  isShared: z.boolean().default(false),
});

/** Recipes that are kept for later builds. */
export const PROFILE_ROUTES: readonly Route[] = [
  route({
    method: "get",
    path: "/profiles",
    summary: "Lists one's own and shared profiles",
    access: "user",
    query: z.object(pageQuery),
    answers: { 200: listOf(profileSchema) },
    async handle({ query, caller, server }) {
      const profiles = listProfiles(server.database, visibleTo(caller.user), query.cursor, query.limit);
      return { status: 200, body: pageOf(profiles, query.limit, (profile) => showProfile(profile, caller.user)) };
    },
  }),
  route({
    method: "post",
    path: "/profiles",
    summary: "Saves a profile",
    access: "builder",
    body: content,
    answers: { 201: profileSchema },
    async handle(ask) {
      const { body, caller, server } = ask;
      const profile = saveProfile(server.database, caller.user.name, contentOf(body));
      audit(ask, "save profile", profile.id, profile.name);
      return { status: 201, body: showProfile(profile, caller.user) };
    },
  }),
  route({
    method: "get",
    path: "/profiles/{id}",
    summary: "Shows a profile",
    access: "user",
    answers: { 200: profileSchema },
    handle: async ({ params, caller, server }) => {
      const profile = seen(findProfile(server.database, params.id ?? ""), caller.user, "profile");
      return { status: 200, body: showProfile(profile, caller.user) };
    },
  }),
  route({
    method: "put",
    path: "/profiles/{id}",
    summary: "Gives a profile another content",
    access: "builder",
    body: content,
    answers: { 200: profileSchema },
    async handle(ask) {
      const { body, caller, server } = ask;
      const { id, owner } = ownedProfile(ask);
      const profile = saveProfile(server.database, owner, contentOf(body), id);
      audit(ask, "save profile", profile.id, profile.name);
      return { status: 200, body: showProfile(profile, caller.user) };
    },
  }),
  route({
    method: "delete",
    path: "/profiles/{id}",
    summary: "Removes a profile",
    access: "builder",
    answers: { 204: undefined },
    async handle(ask) {
      const { id, name } = ownedProfile(ask);
      removeProfile(ask.server.database, id);
      audit(ask, "remove profile", id, name);
      return { status: 204 };
    },
  }),
];

/** A profile may be unfinished; it is checked when it is built. But it holds no passwords. */
function contentOf({
  name,
  recipe,
  yaml,
  isShared,
}: z.output<typeof content>): Pick<Profile, "name" | "isShared" | "recipe"> {
  const given = takeRecipe({ recipe, yaml, files: {} });
  const secret = SECRET_KEYS.find((key) => given.values[key] !== undefined);
  if (secret !== undefined)
    throw new VmbuilderError("secret-unsafe", `${given.locate([secret])}: ${secret}: a profile holds no passwords`, {
      hint: "give it when you build",
    });
  return { name, isShared, recipe: yaml ?? stringify(given.values) };
}

function ownedProfile({ params, caller, server }: UserAsk): Profile {
  return owned(findProfile(server.database, params.id ?? ""), caller.user, "profile");
}
