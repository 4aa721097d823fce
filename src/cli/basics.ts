/**
 * What nearly every command needs, in the executable's first piece: each further piece costs a start 0.3 to 0.6 ms, however small, and
 * the bundler makes one of whatever just some commands share.
 */
import "../allocation/owner.ts";
import "../allocation/plan.ts";
import "../allocation/pool.ts";
import "../allocation/reservation.ts";
import "../clock.ts";
import "../cni/json.ts";
import "../inspect/records.ts";
import "../ip/cidr.ts";
import "../ip/interval-set.ts";
import "../ip/interval.ts";
import "../ip/range.ts";
import "../kube/list.ts";
import "../kube/names.ts";
import "../kube/objects.ts";
import "../log.ts";
import "../result.ts";
import "../store/order.ts";
import "../turns.ts";
import "./output.ts";
import "./source.ts";
import "./watch.ts";
