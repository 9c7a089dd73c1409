import { useEffect, useId, useRef } from "preact/hooks";
import { explain, problems } from "./check.ts";
import { lineOf, text, yamlMistake } from "./draft.ts";

/** The recipe as YAML: what is typed here changes the form, and the other way round. */
export function YamlEditor() {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const marks = new Map<number, string>();
  if (yamlMistake.value) marks.set(yamlMistake.value.line, yamlMistake.value.message);
  else
    for (const problem of problems.value) {
      const line = lineOf(problem.path ?? []);
      if (line) marks.set(line, explain(problem));
    }
  const lines = text.value.split("\n").length;
  // What the form wrote is put in without moving the caret of somebody who types here.
  useEffect(() => {
    if (area.current && area.current.value !== text.value) area.current.value = text.value;
  }, [text.value]);
  return (
    <div class="yaml">
      <label for={id} class="visually-hidden">
        Recipe as YAML
      </label>
      <div class="yaml-box">
        <div class="yaml-gutter" ref={gutter} aria-hidden="true">
          {Array.from({ length: Math.max(lines, 1) }, (_, at) => (
            <span key={at} class={marks.has(at + 1) ? "wrong" : ""}>
              {at + 1}
            </span>
          ))}
        </div>
        <textarea
          id={id}
          ref={area}
          class="mono"
          rows={16}
          wrap="off"
          spellcheck={false}
          autocapitalize="off"
          placeholder={"hostname: web\nsuite: trixie\naddpkg:\n  - nginx"}
          defaultValue={text.value}
          aria-describedby={`${id}-problems`}
          aria-invalid={marks.size > 0 || undefined}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
          onScroll={({ currentTarget }) => {
            if (gutter.current) gutter.current.scrollTop = currentTarget.scrollTop;
          }}
        />
      </div>
      <ul class="yaml-problems" id={`${id}-problems`}>
        {[...marks].map(([line, message]) => (
          <li key={line} class="field-error">{`Line ${line}: ${message}`}</li>
        ))}
      </ul>
      <p class="field-help">
        The same recipe works on a command line: <code>vmbuilder build recipe.yaml</code>. Passwords typed into the form
        are not shown here.
      </p>
    </div>
  );
}
