import type { Action } from "./scenario.ts";
import type { World } from "./world.ts";

/** Carries out one action of a scenario, if it makes sense now. */
export function act(world: World, action: Action): void {
  const isDone = carryOut(world, action);
  if (isDone) world.cover(action.do === "fault" ? `fault ${action.fault}` : action.do);
}

function carryOut(world: World, action: Action): boolean {
  switch (action.do) {
    case "create": {
      const podref = refOf(action.pod);
      if (world.pods.has(podref) || world.isGone(action.node)) return false;
      if (action.networks.some((name) => !isFor(world, name, action.node))) return false;
      // Go takes a reservation of the same pod for its own: two interfaces in one realm would share an address.
      const isGo = world.machines.get(action.node)?.kind === "go";
      world.createPod(podref, action.node, isGo ? action.networks.slice(0, 1) : action.networks);
      return true;
    }
    case "delete":
    case "move": {
      const pod = world.pods.get(refOf(action.pod));
      if (!pod || (pod.isDeleting && !action.force)) return false;
      if (action.do === "move") {
        const isGo = world.machines.get(action.node)?.kind === "go";
        if (
          pod.networks.some((name) => !isFor(world, name, action.node)) ||
          (isGo && pod.networks.length > 1)
        )
          return false;
        pod.successor = action.node;
      }
      world.deletePod(pod, action.force);
      return true;
    }
    case "new_sandbox": {
      const pod = world.pods.get(refOf(action.pod));
      if (!pod) return false;
      world.trace(() => `the sandbox of ${pod.podref} dies`);
      world.machines.get(pod.node)?.kubelet?.renew(pod.uid);
      return true;
    }
    case "edit":
      world.trace(() => `${action.network} is edited: ${action.ranges.join(", ")}`);
      world.setNetwork(action.network, {
        ranges: action.ranges,
        ...(action.sliceSize !== undefined && { sliceSize: action.sliceSize }),
      });
      return true;
    case "delete_network":
      world.trace(() => `${action.network} is deleted`);
      world.setNetwork(action.network, undefined);
      return true;
    case "create_network":
      world.setNetwork(action.network, {});
      return true;
    case "restart_api":
      world.trace(() => "the API server restarts");
      world.double.gateway.stop();
      world.time.after(action.ms, () => world.double.gateway.start());
      return true;
    case "crash_control": {
      const control = world.controls.get(action.replica);
      control?.crash();
      world.time.after(action.ms, () => control?.start());
      return control !== undefined;
    }
    case "partition":
      if (!world.machines.has(action.node) && !world.controls.has(action.node)) return false;
      world.partition(action.node, action.ms);
      return true;
    case "compact":
      world.double.gateway.server.cluster.store.compact();
      return true;
    case "lag":
      world.lag(action.changes, action.ms);
      return true;
    case "break_watches":
      world.double.gateway.breakWatches();
      return true;
    case "fault": {
      const { fault, resource, writes, chance, ms } = action;
      world.trace(
        () =>
          `for ${ms} ms ${chance * 100} % of ${writes ? "writes" : "requests"} of ${resource ?? "all"}: ${fault}`,
      );
      world.plant(fault, { ...(resource !== undefined && { resource }), writes, chance }, ms);
      return true;
    }
    default:
      return actOnNode(world, action);
  }
}

function actOnNode(world: World, action: Extract<Action, { node: string }>): boolean {
  const machine = world.machines.get(action.node);
  if (!machine) return false;
  switch (action.do) {
    case "late_del":
      machine.kubelet?.lateDel();
      return machine.kubelet !== undefined;
    case "crash_agent":
      if (!machine.isUp) return false;
      machine.crashAgent();
      world.time.after(action.ms, () => machine.startAgent());
      return true;
    case "reboot":
      if (!machine.isUp) return false;
      world.reboot(machine.name, action.ms);
      return true;
    case "vanish":
      if (world.isGone(machine.name)) return false;
      machine.powerOff();
      world.removeNode(machine.name);
      return true;
    case "return":
      if (!world.isGone(machine.name)) return false;
      if (action.old) {
        machine.restoreSnapshot();
        world.liars.add(machine.name); // what it has done since is forgotten
      }
      world.addNode(machine.name);
      machine.boot();
      return true;
    case "set_clock":
      machine.drift.offset += action.ms;
      return true;
    case "disk":
      machine.takeSnapshot();
      machine.disk.fault = action.fault;
      return true;
    case "lie":
      world.trace(() => `the disk of ${machine.name} lies for ${action.ms} ms`);
      world.liars.add(machine.name);
      machine.disk.honest = false;
      world.time.after(action.ms, () => {
        machine.disk.honest = true;
      });
      return true;
    case "check":
      machine.kubelet?.checkSome();
      return machine.kubelet !== undefined;
    case "gc": {
      const network = world.network(action.network, machine.kind);
      if (!network || !machine.kubelet) return false;
      void machine.kubelet.collect(network);
      return true;
    }
    default:
      return false;
  }
}

function refOf(pod: string): string {
  return `default/${pod}`;
}

/** The Go plugin is modelled for networks without a name only. */
function isFor(world: World, network: string, node: string): boolean {
  const machine = world.machines.get(node);
  return machine !== undefined && (machine.kind === "berth" || world.network(network, "go") !== undefined);
}
