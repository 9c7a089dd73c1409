/** A text as it may be written where others read it: the logins in its addresses are left out. */
export function withoutLogins(text: string): string {
  return text.replace(/(\bhttps?:\/\/)[^/"'\s]*@/g, "$1(set)@");
}
