#!/usr/bin/env node
/** The executable `zoogate`. */
import process from 'node:process';
import { runCommand } from './commands.ts';

process.exit(await runCommand(process.argv.slice(2)));
