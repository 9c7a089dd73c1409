/** Keeps answers for as long as nothing changes: many ask for the same list again and again. */
export interface AnswerCache {
  /**
   * @param version of what the answer is made from
   * @param make makes it, when none of this key and version is kept
   */
  get(version: string, key: string, make: () => Promise<string>): Promise<string>;
}

const MOST_ANSWERS = 64;

/** A cache of the answers of one version, the latest. */
export function createAnswerCache(): AnswerCache {
  let latest = "";
  const answers = new Map<string, Promise<string>>();
  return {
    get(version, key, make) {
      if (version !== latest || answers.size >= MOST_ANSWERS) answers.clear();
      latest = version;
      const known = answers.get(key) ?? make();
      answers.set(key, known);
      void known.catch(() => answers.delete(key));
      return known;
    },
  };
}
