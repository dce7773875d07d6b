// DuckDB answers queries over files: node duckdb.mjs SQL... Prints the rows of each as JSON.
import { DuckDBInstance } from '@duckdb/node-api';

const connection = await (await DuckDBInstance.create(':memory:')).connect();
const answers = [];
for (const sql of process.argv.slice(2)) answers.push((await connection.runAndReadAll(sql)).getRowsJson());
console.log(JSON.stringify(answers));
