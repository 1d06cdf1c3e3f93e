/** The step that the charts of a group point at: what is no chart of lines follows it here. */
import { type Store, store } from "../store";

const cursors = new Map<string, Store<number | null>>();

export function cursorOf(group: string): Store<number | null> {
  const found = cursors.get(group) ?? store<number | null>(null);
  cursors.set(group, found);
  return found;
}
