/** What the scenarios of the tasks extension call, in the form of everything-server.mjs. `slow_compute` takes as many seconds as it is told to. */
export const jobTools = ({ text, pause, elicit }) => ({
  greet: ['Greets.', { name: { type: 'string' } }, ({ name }) => text(`Hello, ${name}!`)],
  slow_compute: [
    'Takes its time.',
    { seconds: { type: 'number' }, label: { type: 'string' } },
    async ({ seconds, label }) => {
      await pause(seconds * 1_000);
      return text(`${label} took ${seconds} s`);
    },
  ],
  failing_job: [
    'Says that it failed.',
    {},
    async () => {
      await pause(200);
      return { ...text('The job failed.'), isError: true };
    },
  ],
  protocol_error_job: [
    'Answers with an error of the protocol.',
    {},
    () => {
      throw { code: -32603, message: 'the job broke' };
    },
  ],
  confirm_delete: [
    'Asks before it deletes.',
    { filename: { type: 'string' } },
    function* ({ filename }) {
      const { sure } = yield { sure: elicit(`Delete ${filename}?`, { confirm: { type: 'boolean' } }) };
      return text(sure.content?.confirm === true ? `Deleted ${filename}.` : 'Kept.');
    },
  ],
  multi_input: [
    'Asks two things at once.',
    {},
    function* () {
      const { first, second } = yield {
        first: elicit('The first name?', { name: { type: 'string' } }),
        second: elicit('The second name?', { name: { type: 'string' } }),
      };
      return text(`${first.content?.name} and ${second.content?.name}`);
    },
  ],
  test_tool_with_task: [
    'Asks for a name first.',
    {},
    function* () {
      const { user_name: person } = yield { user_name: elicit('Your name?', { name: { type: 'string' } }) };
      return text(`Done for ${person.content?.name}.`);
    },
  ],
});
