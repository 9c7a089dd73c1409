import type { Plan } from "./plan.ts";

/** Who can log in to a machine, and with what. */
export function logins({ recipe }: Pick<Plan, "recipe">): string[] {
  const account = (name: string, keys: readonly string[], password: string | undefined) => {
    const means = [...(keys.length > 0 ? ["ssh key"] : []), ...(password === undefined ? [] : ["password"])];
    return means.length > 0 ? [`${name} by ${means.join(" or ")}`] : [];
  };
  return [
    ...(recipe["cloud-init"] === undefined ? [] : ["as cloud-init's user data say"]),
    ...account("root", recipe["ssh-key"], recipe.rootpass),
    ...(recipe.user === undefined || recipe["lock-user"]
      ? []
      : account(recipe.user, recipe["ssh-user-key"], recipe.pass)),
  ];
}
