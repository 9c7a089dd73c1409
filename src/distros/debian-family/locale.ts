import type { MachineScript } from "../../model/identity.ts";

/** Locales that the C library has by itself. */
const BUILT_IN = /^(C|POSIX)(\.|$)/;

/**
 * Makes a locale as dpkg-reconfigure(8) would: enabled in locale.gen, so that updates of the C library make it again. One that
 * is there, since the system stands on a cached one of the same locale, isn't made twice.
 */
export function localeScripts(lang: string | undefined): MachineScript[] {
  if (lang === undefined || BUILT_IN.test(lang)) return [];
  const content = `#!/bin/sh
set -e
lang='${lang}'
if [ ! -e /usr/share/i18n/SUPPORTED ]; then
  echo "the locale $lang needs the package locales" >&2
  exit 1
fi
if locale -a | grep -qxF "$(echo "$lang" | sed s/UTF-8/utf8/)"; then exit 0; fi
if ! grep -q "^#* *$lang[ .]" /usr/share/i18n/SUPPORTED; then
  echo "there is no locale $lang" >&2
  exit 1
fi
sed -i "s/^# *\\($lang \\)/\\1/" /etc/locale.gen
grep -q "^$lang " /etc/locale.gen || grep "^$lang[ .]" /usr/share/i18n/SUPPORTED | head -n 1 >>/etc/locale.gen
locale-gen
`;
  return [{ name: "locale", content }];
}
