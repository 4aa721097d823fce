import { close, closeSync, dupSync } from "node:fs";
