import { useSignal } from "@preact/signals";
import { get } from "../api/client.ts";
import type { AuditEntry, List } from "../api/types.ts";
import { formatAgo, formatDate } from "../parts/format.ts";
import { Icon } from "../parts/icon.tsx";
import { notifyError } from "../state/notices.ts";

/** What was done on this server, folded until somebody wants it. */
export function Audit() {
  const entries = useSignal<readonly AuditEntry[] | undefined>(undefined);
  return (
    <details
      class="removed"
      onToggle={({ currentTarget }) => {
        if (currentTarget.open && !entries.value)
          void get<List<AuditEntry>>("audit?limit=100").then(({ items }) => {
            entries.value = items;
          }, notifyError);
      }}
    >
      <summary>
        <Icon name="chevron" />
        <span>
          What was done <span class="note">logins, builds, removals, changes of rights</span>
        </span>
      </summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls can be reached by keyboard */}
      <section class="table-scroll" tabIndex={0} aria-label="What was done">
        <table>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Who</th>
              <th scope="col">What</th>
              <th scope="col">Which</th>
              <th scope="col">From</th>
            </tr>
          </thead>
          <tbody>
            {entries.value?.map(({ id, at, user, action, target, address }) => (
              <tr key={id}>
                <td title={formatDate(at)}>{formatAgo(at)}</td>
                <td>{user ?? ""}</td>
                <td>{action}</td>
                <td>{target ?? ""}</td>
                <td>{address ?? ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}
