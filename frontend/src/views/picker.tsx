/** Choosing one run among others: a list to pick from, and where there are very many, a field to type into. */
import { useId, useState } from "preact/hooks";

const MOST_LISTED = 100; // beyond that nobody scrolls a drop-down list, and drawing it takes longer than the report

interface Props {
  readonly label: string;
  /** What the list says before one is chosen; without it the first run is shown as chosen. */
  readonly prompt?: string;
  readonly runs: readonly string[];
  chosen(run: string): void;
}

export function RunPicker(props: Props) {
  return props.runs.length > MOST_LISTED ? <Typed {...props} /> : <Listed {...props} />;
}

function Listed({ label, prompt, runs, chosen }: Props) {
  return (
    <select
      aria-label={label}
      value={prompt === undefined ? runs[0] : ""}
      onChange={(event) => {
        const run = event.currentTarget.value;
        event.currentTarget.value = prompt === undefined ? (runs[0] ?? "") : "";
        chosen(run);
      }}
    >
      {prompt !== undefined && <option value="">{prompt}</option>}
      {runs.map((each) => (
        <option key={each} value={each}>
          {each}
        </option>
      ))}
    </select>
  );
}

/** The suggestions are made when somebody is about to type. */
function Typed({ label, prompt, runs, chosen }: Props) {
  const list = useId();
  const [asked, setAsked] = useState(false);
  return (
    <>
      <input
        class="run-field"
        aria-label={label}
        list={list}
        placeholder={prompt ?? runs[0]}
        onFocus={() => setAsked(true)}
        onInput={(event) => {
          const { value } = event.currentTarget;
          if (!runs.includes(value)) return;
          event.currentTarget.value = "";
          chosen(value);
        }}
      />
      <datalist id={list}>{asked && runs.map((each) => <option key={each} value={each} />)}</datalist>
    </>
  );
}
