/** Which tag is what, where the names do not tell: chosen here, kept in the address, sent with the question. */
import { keep, place } from "../address";
import { t } from "../language";
import { useStore } from "../store";
import type { Report } from "../wire";

const ROLES = [
  ["train_loss", "loss/train", "Training loss"],
  ["val_loss", "loss/val", "Validation loss"],
  ["test_loss", "loss/test", "Test loss"],
  ["lr", "lr", "Learning rate"],
  ["grad_norm", "diag/grad_norm", "Gradient norm"],
] as const;

/** Role -> tag, as the address says. */
export type Roles = Readonly<Record<string, string>>;

export function useRoles(): Roles {
  const { kept = {} } = useStore(place);
  return Object.fromEntries(
    ROLES.flatMap(([role]) => {
      const tag = kept[role];
      return tag === undefined ? [] : [[role, tag]];
    }),
  );
}

export function RolePicker({ report }: { report: Report }) {
  const chosen = useRoles();
  if (report.tags.length === 0) return null;
  return (
    <table class="cells pairs">
      <caption>{t("Which tag is what")}</caption>
      <tbody>
        {ROLES.map(([role, name, label]) => (
          <tr key={role}>
            <th scope="row">{t(label)}</th>
            <td>
              <select
                aria-label={t(label)}
                value={chosen[role] ?? ""}
                onChange={(event) => keep({ [role]: event.currentTarget.value || null })}
              >
                <option value="">
                  {t("by its name: {tag}", { tag: (chosen[role] ? null : report.sources[name]) ?? "–" })}
                </option>
                {report.tags.map((tag) => (
                  <option key={tag} value={tag}>
                    {tag}
                  </option>
                ))}
              </select>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
