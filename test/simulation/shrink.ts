import type { Defect } from "./defect.ts";
import { run } from "./run.ts";
import type { Scenario } from "./scenario.ts";

/**
 * A scenario with as few actions as still break the same promise: parts are left out, halves first, as long as that lasts
 * (delta debugging, Zeller 1999). `tries`: how many runs that may cost.
 */
export function shrink(scenario: Scenario, rule: string, defect: Defect = {}, tries = 300): Scenario {
  let left = tries;
  const fails = (candidate: Scenario) => left-- > 0 && run(candidate, defect).violation?.rule === rule;
  let smallest = scenario;
  for (
    let size = Math.ceil(scenario.actions.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < smallest.actions.length && left > 0; ) {
      const { actions } = smallest;
      const without = { ...smallest, actions: [...actions.slice(0, from), ...actions.slice(from + size)] };
      if (fails(without)) smallest = without;
      else from += size;
    }
  }
  const used = new Set(smallest.actions.flatMap((action) => ("node" in action ? [action.node] : [])));
  const nodes = smallest.nodes.filter(({ name }) => used.has(name));
  const fewer = { ...smallest, nodes };
  return nodes.length > 0 && fails(fewer) ? fewer : smallest;
}
