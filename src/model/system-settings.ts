/** Settings that a machine takes from its host unless they are given. */
export type SettingName = "lang" | "timezone" | "keymap";

/** A setting of the host, and the file or variable that says so. */
export interface HostSetting {
  readonly value: string;
  readonly from: string;
}

/** What a host says of itself. */
export type HostSettings = Readonly<Partial<Record<SettingName, HostSetting>>>;

/** What a machine gets, and where that was decided: `recipe`, `standard`, or a place on the host. */
export type SystemSettings = Readonly<Record<SettingName, HostSetting>>;

const STANDARD: Readonly<Record<SettingName, string>> = { lang: "C.UTF-8", timezone: "UTC", keymap: "us" };

/** Chooses a machine's settings: what was asked for, else the host's, else what every system has. */
export function chooseSettings(
  asked: Readonly<Partial<Record<SettingName, string | undefined>>>,
  host: HostSettings,
): SystemSettings {
  const choose = (name: SettingName): HostSetting => {
    const value = asked[name];
    return value === undefined
      ? (host[name] ?? { value: STANDARD[name], from: "standard" })
      : { value, from: "recipe" };
  };
  return { lang: choose("lang"), timezone: choose("timezone"), keymap: choose("keymap") };
}

/** A keyboard of X: its layouts, and their variants. `de` and `us,ru:,phonetic` are two. */
export const KEYMAP = /^[a-z]{2,10}(?:,[a-z]{2,10})*(?::[a-z0-9_,-]*)?$/;

/** A keyboard's layouts and variants. */
export function splitKeymap(keymap: string): { readonly layout: string; readonly variant: string } {
  const [layout = "", variant = ""] = keymap.split(":");
  return { layout, variant };
}
