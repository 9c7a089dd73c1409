import type { FileEdit } from "../../model/file-edit.ts";
import type { PackageRequest } from "../../model/plan.ts";
import { splitKeymap } from "../../model/system-settings.ts";

/** The kernel's own; it needs neither packages nor files. */
const BUILT_IN = "us";

/** What makes a console follow its keyboard's layout. */
const PACKAGES = ["console-setup", "keyboard-configuration"];

/** Adds what another keyboard than the kernel's own needs. */
export function withKeymapPackages(request: PackageRequest, keymap: string | undefined): PackageRequest {
  if (keymap === undefined || keymap === BUILT_IN) return request;
  const lacking = PACKAGES.filter((name) => ![...request.include, ...request.exclude].includes(name));
  return { ...request, include: [...request.include, ...lacking] };
}

/**
 * The keyboard of one machine. What console-setup prepared for another layout while it was installed is taken away; without
 * it, the layout is read from here at each boot.
 *
 * @see https://manpages.debian.org/keyboard.5
 */
export function keymapEdits(keymap: string | undefined): FileEdit[] {
  if (keymap === undefined || keymap === BUILT_IN) return [];
  const { layout, variant } = splitKeymap(keymap);
  const content = `# Written by vmbuilder: see keyboard(5)\nXKBMODEL="pc105"\nXKBLAYOUT="${layout}"\nXKBVARIANT="${variant}"\nXKBOPTIONS=""\n\nBACKSPACE="guess"\n`;
  return [
    { kind: "file", path: "/etc/default/keyboard", content, mode: 0o644 },
    ...["cached_setup_keyboard.sh", "cached_UTF-8_del.kmap.gz"].map(
      (name): FileEdit => ({ kind: "remove", path: `/etc/console-setup/${name}` }),
    ),
  ];
}
