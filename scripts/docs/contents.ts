/** One page of the documentation: where its text is, and what the lists say of it. */
export interface Entry {
  /** Markdown file, from the root of the repository; absent where the page is generated. */
  readonly source?: string;
  /** File of the site. */
  readonly path: string;
  /** Its name in lists, which is shorter than its heading. */
  readonly name: string;
  readonly summary: string;
}

/** A kind of documentation: to learn, to do, to look up, to understand, to move, to change. */
export interface Section {
  readonly title: string;
  readonly summary: string;
  readonly entries: readonly Entry[];
}

/** All pages in the order in which they are listed. A file of docs/ that isn't here fails the build. */
export const CONTENTS: readonly Section[] = [
  {
    title: "Tutorial",
    summary: "To learn it by doing",
    entries: [
      page("tutorial", "Your first machine", "From nothing to a shell in a machine of your own, in five minutes"),
    ],
  },
  {
    title: "How to",
    summary: "One page for each task",
    entries: [
      page("recipes", "Write recipes", "Includes, variables, matrices, profiles, configuration files"),
      page("use-cases", "Use ready recipes", "Web server, database, mail, desktop and others"),
      page("system", "Set up the system", "Language, network, users, scripts, files"),
      page("storage", "Lay out disks", "Partitions, LVM, xfs, btrfs, encryption, several disks"),
      page("sources", "Choose where packages come from", "Mirrors, repositories, PPAs, an ISO image, package files"),
      page("hypervisors", "Make it for a hypervisor", "KVM, libvirt, VMware, VirtualBox, Hyper-V, Xen, OVA, Vagrant"),
      page("machines", "Run machines", "Start, enter, copy, snapshot, clone, remove"),
      page("testing", "Test machines", "A recipe's own tests, with reports"),
      page("upgrade-testing", "Test upgrades", "A release upgrade between two runs of the tests"),
      page("reproducible", "Build the same again", "Lock files, the same bytes, lists of what is installed"),
      page("architectures", "Build for arm64 or riscv64", "On an amd64 host, too"),
      page("page", "Use the web page", "Machines from a form, without a terminal"),
      page("server", "Run the server", "The web page and its API for several people"),
      page("packages", "Install by apt", "Debian packages, and a repository of them"),
      page("appliance", "Run the appliance", "vmbuilder as a machine whose web page makes machines"),
    ],
  },
  {
    title: "Reference",
    summary: "To look things up; made from the program itself",
    entries: [
      generated("commands", "Commands", "Every command with its arguments and options"),
      generated("recipe-keys", "Keys of a recipe", "Every key with its type, its default and what it does"),
      generated("files", "Files, environment, exit status", "What is read and written, and every error's code"),
      page("api", "The HTTP API", "Requests, answers, events, rights"),
      generated(
        "api-operations",
        "Operations of the API",
        "Every operation and every shape, from its OpenAPI description",
      ),
      page("suites", "Suites", "Which releases are built, and how far each was tested"),
    ],
  },
  {
    title: "Explanation",
    summary: "To understand it",
    entries: [
      page("architecture", "Architecture", "The way of the data, layers, installing, disks, cache"),
      page("security", "Security model", "What is trusted, what is not, and what is not protected"),
      page("performance", "Performance", "Where the time goes, measured"),
      page("tree-differences", "Compared with mmdebstrap", "Every difference of the installed system, with its reason"),
      generated("decisions", "Decisions", "Choices that had alternatives"),
    ],
  },
  {
    title: "From the old tool",
    summary: "For those who know ubuntu-vm-builder",
    entries: [
      page(
        "old-tool",
        "Coming from the old tool",
        "Old command lines, configuration files, and what became of each option",
      ),
    ],
  },
  {
    title: "Development",
    summary: "To change vmbuilder itself",
    entries: [
      {
        source: "CONTRIBUTING.md",
        path: "contributing.html",
        name: "Contributing",
        summary: "Set up, layers, style, tests",
      },
      page("adding-a-distribution", "Add a distribution", "A folder and a line"),
      { source: "CHANGELOG.md", path: "changelog.html", name: "Changelog", summary: "What changed for users" },
    ],
  },
];

function page(name: string, title: string, summary: string): Entry {
  return { source: `docs/${name}.md`, path: `${name}.html`, name: title, summary };
}

function generated(name: string, title: string, summary: string): Entry {
  return { path: `${name}.html`, name: title, summary };
}
