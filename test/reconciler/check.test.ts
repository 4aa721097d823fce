import { expect, test } from "bun:test";
import { join } from "node:path";
import { withApiServer } from "../apiserver/start.ts";
import { keepingCrds, NAMESPACE } from "../store/cluster.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const GROUP = "whereabouts.cni.cncf.io/v1alpha1";

test("berth check and berth import say all that is wrong in a cluster, and repair what is theirs to repair", async () => {
  await withApiServer(
    async ({ double, kubeconfigPath }) => {
      if (!double) throw new Error("the double was asked for");
      const put = (kind: string, name: string, more: object) =>
        double.seed({ apiVersion: GROUP, kind, metadata: { name, namespace: NAMESPACE }, ...more });
      const record = (pod: string) => ({ id: `s-${pod}`, podref: `default/${pod}`, ifname: "net1" });
      double.seed({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "web", namespace: "default" },
        spec: { containers: [{ name: "c", image: "i" }] },
      });
      const allocations = { "1": record("web"), "2": record("gone"), "999": record("web"), x: record("web") };
      put("IPPool", "10.0.0.0-24", { spec: { range: "10.0.0.0/24", allocations } });
      put("IPPool", "other-name", { spec: { range: "10.1.0.0/24", allocations: {} } });
      put("OverlappingRangeIPReservation", "10.0.0.9", { spec: { podref: "default/nobody" } });
      put("OverlappingRangeIPReservation", "not-an-address", { spec: { podref: "" } });
      const slices = [
        { nodeName: "node-x", sliceRange: "10.2.0.0/27" },
        { nodeName: "", sliceRange: "10.2.0.16/28" },
        { nodeName: "", sliceRange: "10.9.0.0/27" },
      ];
      const status = { allocations: slices };
      put("NodeSlicePool", "fast", { spec: { range: "10.2.0.0/24", sliceSize: "27" }, status });

      const berth = async (...args: string[]) => {
        const command = [process.execPath, MAIN, ...args, "--kubeconfig", kubeconfigPath, "-o", "json"];
        const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
        const [text, err] = await Promise.all([
          new Response(child.stdout).text(),
          new Response(child.stderr).text(),
        ]);
        const code = await child.exited;
        const found: { code: string; message: string }[] = text === "" ? [] : JSON.parse(text);
        return { code, err, codes: found.map((one) => one.code), text };
      };
      const found = await berth("import");
      expect(found.code).toBe(1);
      expect(found.err).toContain(
        "2 pools, 2 allocations (0 with the uid of their pod), 2 reservations, 1 pods",
      );
      for (const code of [
        "stranded",
        "reservation_without_allocation",
        "unreadable",
        "slice_wrong",
        "owner_unknown",
      ])
        expect(found.codes).toContain(code);
      for (const part of [
        "999",
        '\\"x\\"',
        "other-name",
        "not-an-address",
        "overlap",
        "lies outside",
        "node-x",
      ])
        expect(found.text).toContain(part);

      expect((await berth("check", "--repair")).err).toContain("Nothing was changed");
      expect(
        double.objects({ group: "whereabouts.cni.cncf.io", plural: "overlappingrangeipreservations" }),
      ).toHaveLength(2);
      const repaired = await berth("check", "--repair", "--yes", "--grace", "200ms");
      expect(repaired.err).toContain("free 10.0.0.2 10.0.0.0-24: done");
      expect(repaired.codes).not.toContain("stranded");
      expect(repaired.codes).not.toContain("reservation_without_allocation");
      expect(repaired.codes).toContain("unreadable");
    },
    { kind: "double", crds: keepingCrds() },
  );
});
