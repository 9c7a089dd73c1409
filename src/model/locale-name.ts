const TERRITORY = /_([A-Z]{2})(?=[.@]|$)/;
/** glibc still has pap_AN, of a country that is no more. */
const FORMER = ["AN"];

/**
 * What is wrong with the territory of a locale's name, such as `en_UK`: no country (ISO 3166) has that code. Undefined when nothing is;
 * a name without a territory passes, and whether the guest has the locale is for the guest to say.
 */
export function localeMistake(locale: string): string | undefined {
  const code = TERRITORY.exec(locale)?.[1];
  if (code === undefined || FORMER.includes(code)) return undefined;
  const { region } = new Intl.Locale(`und-${code}`);
  if (region !== code)
    return `is no locale: the country's code is ${region}, so ${locale.replace(TERRITORY, `_${region}`)}`;
  const name = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" }).of(code);
  return name === undefined || code === "ZZ" ? `is no locale: ${code} is no country's code` : undefined;
}
