import { existsSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderMarkdown } from "../../scripts/docs/markdown.ts";
import { documentedCommands, ownOptions } from "../../src/cli/man.ts";
import { createProgram } from "../../src/cli/program.ts";
import { recipeJsonSchema } from "../../src/cli/recipe-schema.ts";
import { ERROR_TABLE } from "../../src/model/errors.ts";
import { ROUTES } from "../../src/server/routes/index.ts";
import { buildDocsSite, type DocsSite } from "../fixtures/docs-site.ts";

let site: DocsSite;
beforeAll(async () => {
  site = await buildDocsSite();
});
afterAll(() => site?.close());

const anchors = (html: string) => [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
const page = (name: string) => site.pages.get(name) ?? "";

describe("the documentation's pages", () => {
  it("have no dead link, anchor, picture, style or script", () => {
    const dead: string[] = [];
    let links = 0;
    for (const [path, html] of site.pages) {
      for (const [, href = ""] of html.matchAll(/\s(?:href|src)="([^"]*)"/g)) {
        if (/^(https?:|mailto:)/.test(href)) continue;
        links++;
        const [file = "", anchor] = href.split("#");
        const target = file === "" ? path : posix.join(posix.dirname(path), file);
        const isThere = target.startsWith("..") ? false : existsSync(join(site.folder, target));
        if (!isThere || (anchor !== undefined && !anchors(page(target)).includes(anchor)))
          dead.push(`${path}: ${href}`);
      }
    }
    expect(dead).toEqual([]);
    expect(links).toBeGreaterThan(1000);
  });

  it("have one title each, and no anchor twice", () => {
    for (const [path, html] of site.pages) {
      expect(html.match(/<h1[ >]/g), path).toHaveLength(1);
      const ids = anchors(html);
      expect(
        ids.filter((id, index) => ids.indexOf(id) !== index),
        path,
      ).toEqual([]);
    }
    const titles = [...site.pages.values()].map((html) => /<title>(.*?)<\/title>/.exec(html)?.[1]);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it("name no other host than examples' ones", () => {
    const hosts = [...site.pages.values()].flatMap((html) =>
      [...html.matchAll(/(?:href|src)="https?:\/\/([^/"]*)/g)].map(([, host]) => host),
    );
    expect(
      hosts.filter((host) => !/(^|\.)example\.(org|com)$|^keepachangelog\.com$|^semver\.org$/.test(String(host))),
    ).toEqual([]);
  });

  it("are all there: each file of docs/", () => {
    const sources = readdirSync(join(import.meta.dirname, "../../docs"), { recursive: true, encoding: "utf8" });
    const pages = sources.filter((name) => name.endsWith(".md")).map((name) => name.replace(/\.md$/, ".html"));
    expect(pages.filter((name) => !site.pages.has(name))).toEqual([]);
  });

  it("are refused when a link leads nowhere", () => {
    expect(() => renderMarkdown("docs/a.md", "a.html", "# A\n\n[gone](gone.md)", new Map())).toThrow(
      "docs/a.md: the link gone.md leads to no page of the site",
    );
  });
});

describe("the generated reference", () => {
  it("has every option of every command", () => {
    const ids = new Set(anchors(page("commands.html")));
    const program = createProgram();
    const wanted = documentedCommands(program).flatMap((command) => {
      const above = command.parent === program ? "" : `${command.parent?.name()}-`;
      return ownOptions(command).map((option) => `${above}${command.name().toLowerCase()}--${option.name()}`);
    });
    expect(wanted.length).toBeGreaterThan(200);
    expect(wanted.filter((id) => !ids.has(id))).toEqual([]);
  });

  it("has every key of a recipe, error, and operation", () => {
    const keys = Object.keys(recipeJsonSchema(createProgram()).properties as object).filter(
      (key) => !key.endsWith("+"),
    );
    expect(keys.filter((key) => !anchors(page("recipe-keys.html")).includes(key))).toEqual([]);
    expect(Object.keys(ERROR_TABLE).filter((code) => !anchors(page("files.html")).includes(code))).toEqual([]);
    const operations = ROUTES.map(({ method, path }) => `${method.toUpperCase()} ${path.slice(1)}</code>`);
    expect(operations.filter((text) => !page("api-operations.html").includes(text))).toEqual([]);
  });
});
