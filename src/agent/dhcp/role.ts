/** What the agent needs of its DHCP role; loaded only where it has that role. */
export { LeaseBook, leasesPath } from "./book.ts";
export { LeaseService } from "./service.ts";
