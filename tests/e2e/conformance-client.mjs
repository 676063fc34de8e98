/** What the conformance suite starts as the client under test: hands the address of the scenario's server to the test that runs the gateway, and waits. */
const {
  MCP_CONFORMANCE_SCENARIO: scenario,
  MCP_CONFORMANCE_CONTEXT: context = '{}',
  ATF_CONFORMANCE_TEST: test,
} = process.env;
const response = await fetch(test, {
  method: 'POST',
  body: JSON.stringify({ scenario, url: process.argv.at(-1), context: JSON.parse(context) }),
});
console.log(await response.text());
process.exit(response.ok ? 0 : 1);
