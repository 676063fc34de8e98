/**
 * The catalogue of refusals and errors: `room.reason`, never renamed, never reused. `docs/errors.md` lists the same codes
 * (a test compares both). The public text never carries matched content, secrets or personal data.
 */

export interface ErrorEntry {
  /** HTTP status where it is answered over HTTP (RFC 9457). */
  readonly status: number;
  /** ATF requirement that it enforces, where there is one. */
  readonly requirement?: string;
  readonly title: string;
  /** What would help the caller. */
  readonly help: string;
}

const entry = (status: number, requirement: string | undefined, title: string, help: string): ErrorEntry =>
  requirement === undefined ? { status, title, help } : { status, requirement, title, help };

export const errors = {
  'identity.credential_missing': entry(
    401,
    'I-2',
    'No credential was sent',
    'Send an access token with a DPoP proof; `atf connect` does this for MCP hosts.',
  ),
  'identity.credential_invalid': entry(
    401,
    'I-2',
    'The credential is not valid',
    'Get a new access token with the key of this instance.',
  ),
  'identity.credential_expired': entry(
    401,
    'I-2',
    'The credential has expired',
    'Get a new access token with the key of this instance.',
  ),
  'identity.credential_revoked': entry(
    401,
    'R-3',
    'The credential was revoked',
    'A person must resume the agent and issue a new join token.',
  ),
  'identity.audience_mismatch': entry(
    401,
    'I-2',
    'The credential is for another resource',
    'Get an access token for this gateway, or for this tool server of it.',
  ),
  'identity.resource_unknown': entry(
    422,
    'I-2',
    'There is no such resource to issue a credential for',
    'Name the address of the gateway, or of one tool server there (/mcp/<server>, /http/<server>).',
  ),
  'identity.proof_invalid': entry(
    401,
    'I-2',
    'The proof of possession is not valid for this request',
    'Sign a fresh DPoP proof for exactly this method, address and token (RFC 9449).',
  ),
  'identity.proof_replayed': entry(
    401,
    'I-2',
    'The proof of possession was already used',
    'Sign a fresh DPoP proof for every request.',
  ),
  'identity.proof_before_start': entry(
    401,
    'I-2',
    'The proof of possession was made before this service started',
    'Sign a fresh DPoP proof; if this stays, set the clock of the caller.',
  ),
  'identity.proof_flood': entry(
    429,
    'S-3',
    'Too many invalid proofs from this address',
    'Wait a minute, then send valid proofs.',
  ),
  'identity.agent_unknown': entry(
    401,
    'I-1',
    'The agent is not registered',
    'Register the agent with `atf agent register`.',
  ),
  'identity.instance_unknown': entry(
    401,
    'I-1',
    'The instance is not enrolled or was revoked',
    'Enrol the instance again with a new join token.',
  ),
  'identity.session_revoked': entry(401, 'R-3', 'The session was revoked', 'Start a new session.'),
  'identity.version_mismatch': entry(
    403,
    'I-2',
    'The credential belongs to another version of the agent',
    'Enrol again: the registered manifest has changed.',
  ),
  'identity.join_token_invalid': entry(
    401,
    'I-2',
    'The join token is unknown, used or expired',
    'Ask for a new one with `atf agent enrol`.',
  ),
  'identity.manifest_invalid': entry(
    422,
    'I-3',
    'The manifest is not valid',
    'Correct the fields that are named; the schema is at /v1/schemas/manifest.json.',
  ),
  'identity.manifest_owners': entry(
    422,
    'I-3',
    'The same person holds two offices that must be apart',
    'Technical owner and agent owner are different people, and so are technical and business owner.',
  ),
  'identity.name_taken': entry(
    409,
    'I-1',
    'An agent with this name exists',
    'Choose another name, or register a new version of that agent.',
  ),
  'identity.agent_not_found': entry(
    404,
    'I-1',
    'There is no such agent',
    'List the agents with `atf agent list`.',
  ),
  'identity.delegation_over': entry(
    403,
    'S-5',
    'An agent for which this one works has stopped, changed or ended its session',
    'Have the agent above delegate anew, or work in a session of your own.',
  ),
  'identity.task_unknown': entry(
    404,
    'S-4',
    'There is no such task, it is over, or another session works on it',
    'Ask the person who gave it, or list the tasks with `atf task list`.',
  ),
  'identity.host_unknown': entry(
    401,
    'I-2',
    'The host application is not registered, or its credential is not valid',
    'Register it with `atf host add` and send what that shows as `Authorization: Bearer`.',
  ),
  'identity.host_out_of_scope': entry(
    403,
    'S-4',
    'The host application may declare no task of this agent',
    'Whoever answers for the agent registers a host application that names it.',
  ),
  'identity.gateway_unknown': entry(
    401,
    'I-2',
    'The gateway is not enrolled or was revoked',
    'Enrol the gateway with a new join token.',
  ),
  'identity.point_unknown': entry(
    401,
    'I-2',
    'The enforcement point is not registered, or its credential is not valid',
    'Register it with `atf point add` and send what that shows as `Authorization: Bearer`.',
  ),
  'identity.point_out_of_scope': entry(
    403,
    'S-1',
    'The enforcement point may not ask about this',
    'Register it for this agent, application or service (`atf point add`).',
  ),
  'identity.client_certificate_invalid': entry(
    401,
    'I-2',
    'The connection is not that of an enrolled key',
    'Connect with the certificate of the enrolled key, to control itself and not through a proxy that ends TLS.',
  ),
  'identity.certificate_unusable': entry(
    500,
    'I-2',
    'The TLS certificate or its key cannot be used',
    'Give a certificate chain and its unencrypted key, both in PEM and valid now, with --tls-cert and --tls-key.',
  ),
  'identity.plain_http_refused': entry(
    500,
    'I-2',
    'Plain HTTP beyond this machine is refused',
    'Use TLS (--tls-cert and --tls-key, or an https address), or say --plain-http where the network is trusted or a proxy has the certificate.',
  ),
  'people.sign_in_required': entry(
    401,
    undefined,
    'Nobody is signed in',
    'Open a sign-in link; `atf up` prints one.',
  ),
  'people.link_invalid': entry(
    401,
    undefined,
    'The sign-in link is unknown, used or expired',
    'Make a new one with `atf sign-in`.',
  ),
  'people.not_allowed': entry(
    403,
    'I-3',
    'This person may not do that',
    'Ask somebody who holds the role that is named.',
  ),
  'people.presence_required': entry(
    403,
    'R-2',
    'Fresh presence of the person is required',
    'Confirm in the console with your passkey or passphrase.',
  ),
  'people.presence_invalid': entry(
    403,
    'R-2',
    'The confirmation of presence is not valid',
    'Confirm again; a confirmation counts once, for one decision, for a minute.',
  ),
  'people.presence_throttled': entry(
    429,
    undefined,
    'Too many failed confirmations',
    'Wait a minute, then try again.',
  ),
  'people.clearance_required': entry(
    403,
    'R-2',
    'A person who answers for security must clear this',
    'Ask for clearance; a person confirms it in the console. The command line does this by itself.',
  ),
  'people.clearance_invalid': entry(
    403,
    'R-2',
    'The clearance does not count for this request',
    'Ask for another; a clearance counts once, for exactly one request, for some minutes.',
  ),
  'notification.not_found': entry(
    404,
    undefined,
    'There is no such notification, message or target',
    'List them: atf notify list, atf notify target list, atf notify deliveries.',
  ),
  'notification.target_exists': entry(
    409,
    undefined,
    'A target of that name is there already',
    'Remove it first, or take another name.',
  ),
  'notification.target_refused': entry(
    400,
    'S-1',
    'This target cannot be used',
    'HTTPS or TLS to a public address; with the private network granted also private and loopback ones, never link-local or metadata ones.',
  ),
  'notification.not_dead': entry(
    409,
    undefined,
    'The message was not given up',
    'Only messages that were given up can be tried again.',
  ),
  'people.origin_refused': entry(
    403,
    undefined,
    'The request does not come from the console',
    'Use the console at the address that `atf up` prints.',
  ),
  'people.person_not_found': entry(
    404,
    'I-3',
    'There is no such person',
    'List the people with `atf people list`.',
  ),
  'people.person_exists': entry(
    409,
    'I-3',
    'A person with this e-mail address exists',
    'Use the registered person.',
  ),
  'containment.agent_stopped': entry(
    403,
    'R-2',
    'The agent is stopped',
    'Nothing helps from here: a person must resume it.',
  ),
  'containment.version_stopped': entry(
    403,
    'R-2',
    'This version of the agent is stopped',
    'Another version may run once a person has registered it; this one must be resumed by a person.',
  ),
  'containment.session_stopped': entry(
    403,
    'R-2',
    'This session of the agent is stopped',
    'What it was doing ends here. After a kill the agent begins a new session with its next token; after a pause a person must resume it.',
  ),
  'containment.purpose_stopped': entry(
    403,
    'R-2',
    'All agents of this purpose are stopped',
    'Nothing helps from here: a person must resume them.',
  ),
  'containment.owner_stopped': entry(
    403,
    'R-2',
    'All agents of this owner are stopped',
    'Nothing helps from here: a person must resume them.',
  ),
  'containment.tool_stopped': entry(
    403,
    'R-2',
    'The tool is stopped',
    'Use another tool, or wait until a person resumes it.',
  ),
  'containment.fleet_stopped': entry(
    403,
    'R-2',
    'All agents are stopped',
    'Nothing helps from here: a person must resume the fleet.',
  ),
  'containment.feed_stale': entry(
    503,
    'R-2',
    'The gateway has not heard from the control plane in time',
    'Try again shortly; operators: check that control runs and is reachable.',
  ),
  'containment.call_aborted': entry(
    403,
    'R-2',
    'The call was cut by a stop',
    'Nothing helps from here: a person must resume.',
  ),
  'containment.nothing_such': entry(
    404,
    'R-2',
    'Nothing would be stopped',
    'Look at "atf agent list" or the console for what there is, and name that.',
  ),
  'containment.not_stopped': entry(
    409,
    'R-2',
    'Nothing is stopped under that name',
    'List what is stopped with `atf status`.',
  ),
  'containment.not_recorded': entry(
    503,
    'R-2',
    'The stop is in force, but could not be recorded yet',
    'Operators: check the database and the disk of control; the record is tried again until it is written.',
  ),
  'segmentation.tool_unknown': entry(
    404,
    'S-1',
    'There is no such tool',
    'List the tools; names are case-sensitive.',
  ),
  'segmentation.server_not_carried': entry(
    403,
    'S-1',
    'This gateway does not carry that tool server',
    'Enrol the gateway with a join token that names the server.',
  ),
  'segmentation.server_unknown': entry(
    404,
    'S-1',
    'There is no such tool server',
    'List the servers with `atf tool list`.',
  ),
  'segmentation.wrong_door': entry(
    409,
    'S-1',
    'The tool is not asked for in this way',
    'Ask for tools that your own program runs through the action API, for operations of HTTP services through MCP or their own address (/http/<server>/), and for all others through MCP.',
  ),
  'segmentation.server_exists': entry(
    409,
    'S-1',
    'A tool server with this name exists',
    'Choose another name.',
  ),
  'segmentation.server_command_missing': entry(
    422,
    'S-1',
    'The gateway host has no command for this server',
    'Add it to the servers file of the gateway host; commands never come over the API.',
  ),
  'segmentation.tool_quarantined': entry(
    403,
    'S-1',
    'The definition of the tool has changed and waits for a person',
    'A person reviews the difference with `atf tool show` and `atf tool accept`.',
  ),
  'segmentation.tool_removed': entry(
    404,
    'S-1',
    'The tool is no longer offered by its server',
    'Use another tool.',
  ),
  'segmentation.query_unreadable': entry(
    422,
    'S-1',
    'The SQL of the call cannot be read',
    'Send one statement in the SQL of the database that the tool is classified with; what does not parse does not run.',
  ),
  'segmentation.query_not_governed': entry(
    403,
    'S-1',
    'The SQL does something that is not governed',
    'Use one SELECT, INSERT, UPDATE or DELETE with functions that only compute; a person may add functions to the classification of the tool.',
  ),
  'segmentation.table_not_granted': entry(
    403,
    'S-1',
    'The agent may not do this to this table',
    'Name only tables and columns of the list; ask the owner to add others to `databases` of the manifest.',
  ),
  'segmentation.tool_not_granted': entry(
    403,
    'S-1',
    'The tool is not on the written list of this agent',
    'The owner can register a new version of the manifest that lists it.',
  ),
  'segmentation.out_of_domain': entry(
    403,
    'S-1',
    'The tool is outside the domains of this agent',
    'Ask an agent of that domain, or escalate to the contact of this agent. From Senior on the owner can give it another domain for a time (otherDomains).',
  ),
  'segmentation.outside_window': entry(
    403,
    'S-2',
    'The agent may not use this tool at this time',
    'Try again at one of the times that are named; the owner can register a new version of the manifest.',
  ),
  'segmentation.rate_exceeded': entry(
    429,
    'S-3',
    'The rate limit is reached',
    'Try again after the time that is named.',
  ),
  'segmentation.throttled': entry(
    429,
    'S-3',
    'The agent makes far more calls than usual, and is throttled until the hour ends',
    'Try again after the time that is named; a person who answers for the agent may lift it.',
  ),
  'segmentation.not_negotiable': entry(
    403,
    'S-4',
    'No boundary can be widened like this',
    'Ask for what is on offer, or ask a person; without an offer only a new version of the manifest widens a limit.',
  ),
  'segmentation.negotiated_enough': entry(
    429,
    'S-4',
    'This boundary was widened as often as the offer allows in a day',
    'Wait for the time that is named, or ask a person.',
  ),
  'segmentation.grant_not_found': entry(
    404,
    'S-4',
    'There is no such widened boundary in force',
    'Look at `atf agent show`: it may have ended by itself.',
  ),
  'segmentation.not_throttled': entry(
    409,
    'S-3',
    'The agent is not throttled',
    'Look at `atf agent show`: the hour may be over, or somebody else has lifted it.',
  ),
  'segmentation.transaction_exceeded': entry(
    403,
    'S-4',
    'The amount is above the limit of one action',
    'Stay below the limit, or escalate to a person.',
  ),
  'segmentation.delegation_not_allowed': entry(
    403,
    'S-5',
    'This agent may not start that one',
    'From Senior on, and only agents that the manifest allows (maySpawn, mayStart). Its owner registers a new version.',
  ),
  'segmentation.delegation_cycle': entry(
    403,
    'S-5',
    'That agent is already in the chain',
    'Delegate to an agent that does not wait for this work itself.',
  ),
  'segmentation.cascade_too_deep': entry(
    403,
    'S-5',
    'The chain of delegations is as deep as it may be',
    'Do it yourself, or have an agent nearer to the root delegate it.',
  ),
  'segmentation.cascade_too_wide': entry(
    403,
    'S-5',
    'As many agents as one session may start work already, or were asked to',
    'Wait until one of them has ended its session or its grant has lapsed.',
  ),
  'segmentation.cascade_exhausted': entry(
    403,
    'S-5',
    'All agents below one root have made as many calls as they may together',
    'A person starts the work anew, in a new session of the agent at the root.',
  ),
  'segmentation.total_exceeded': entry(
    403,
    'S-5',
    'All calls together would do more than the total allows',
    'Wait for the time that is named, do less, or have the owner register a new version of the manifest.',
  ),
  'segmentation.too_many_at_once': entry(
    429,
    'S-5',
    'As many calls as may run at one time are running',
    'Wait until one of them has ended, then try again.',
  ),
  'segmentation.amount_unreadable': entry(
    422,
    'S-4',
    'The amount of this call cannot be read',
    'Send the amount as a number in the currency of the limit.',
  ),
  'segmentation.definition_stale': entry(
    409,
    'S-1',
    'The definition that was reviewed is no longer the current one',
    'Look at the current difference, then accept that.',
  ),
  'segmentation.labels_unknown': entry(
    404,
    'S-4',
    'There are no labels of such an instance or task',
    'List those of the agent: `atf agent labels NAME`.',
  ),
  'segmentation.labels_changed': entry(
    409,
    'S-4',
    'The labels are not those that were shown: something was read since, or nobody has begun to look',
    'Begin the review again, look at what was read, and lower them then. Stop the agent first if it never ceases to read.',
  ),
  'segmentation.retrieval_blended': entry(
    403,
    'S-4',
    'The session has read from another index, and what is retrieved from different indexes stays apart',
    'Do it in a task of its own, which begins with nothing read; or whoever answers for security lets this agent bring the indexes together until a day: `atf source blend`.',
  ),
  'segmentation.index_exceeded': entry(
    403,
    'S-4',
    'The source is classified higher than the index that it answers from',
    'An index holds one level. Register the source with an index of its own level (`atf source add`), or correct the classification of its tool.',
  ),
  'segmentation.index_unknown': entry(
    403,
    'S-4',
    'The tool chooses its index by an argument, and nobody has said which index this call would read from',
    'Call it with one of the values that are registered, written exactly so: `atf source list`. A person registers others: `atf source add … --argument … --value …`.',
  ),
  'segmentation.index_level': entry(
    409,
    'S-4',
    'The index is registered with another level: an index holds one level',
    'Say the level that `atf source list` shows, or use another index.',
  ),
  'segmentation.source_unknown': entry(
    404,
    'S-4',
    'There is no such retrieval source, index or grant',
    'List them: `atf source list`.',
  ),
  'segmentation.findings_unacknowledged': entry(
    409,
    'D-2',
    'The definition holds what definitions of tools do not say, and nobody has said that they know of it',
    'Read it with `atf tool show`. To accept it all the same, name every severe finding: `--acknowledge NAME,…`.',
  ),
  'policy.forbidden': entry(
    403,
    'S-2',
    'A policy forbids this, whatever a person says',
    'See the named policies; no approval makes it lawful.',
  ),
  'policy.not_permitted': entry(
    403,
    'S-2',
    'No policy permits this at the level of the agent',
    'An agent of a higher level may do it, or this one after promotion.',
  ),
  'policy.judge_unanswered': entry(
    503,
    'S-2',
    'The judge of intents did not answer, and without it this is not done',
    'Try again later. Operators: look at the address and the time of `judge` in settings.yaml.',
  ),
  'policy.evaluation_failed': entry(
    403,
    'S-2',
    'A policy could not be evaluated, so the action is refused',
    'Operators: correct the policy that is named.',
  ),
  'policy.arguments_unlike': entry(
    403,
    'S-4',
    'A policy about arguments of this tool was checked against other types of them than the tool has',
    'Operators: apply the policies again, so that they are checked against the tool as it is; correct those that no longer fit.',
  ),
  'policy.arguments_changed': entry(
    409,
    'S-1',
    'Policies in force ask about arguments that have another type in this definition',
    'Correct the policies that are named, or leave them, and `atf policy apply` them: they are checked against the definition on offer, too. Then accept it.',
  ),
  'policy.unavailable': entry(
    503,
    'S-2',
    'No valid policy set is loaded',
    'Operators: check the policy files; see the log of control.',
  ),
  'policy.invalid': entry(422, 'S-2', 'The policy set is not valid', 'Correct the problems that are named.'),
  'policy.case_failed': entry(
    422,
    'S-2',
    'The policy set does not do what its cases want',
    'Correct the policies, or the cases if the change is meant.',
  ),
  'policy.too_costly': entry(
    422,
    'S-2',
    'Checking the policy set takes too long; every decision would, too',
    'Name principal, action or resource in the scope of policies, so that few of them are asked for each call.',
  ),
  'policy.version_conflict': entry(
    409,
    'S-2',
    'Another version of the policy set is in force than the one that this was made from',
    'Look at what changed, then plan and apply again from the version in force.',
  ),
  'policy.version_unknown': entry(
    404,
    'S-2',
    'There is no such version of the policy set',
    'List the versions.',
  ),
  'policy.application_unknown': entry(
    404,
    'S-1',
    'No application set of this name is in force',
    'Propose one with `atf policy apply DIR --application NAME`; two people confirm it.',
  ),
  'policy.candidate_unknown': entry(
    404,
    'S-2',
    'There is no such policy candidate',
    'Propose the set again.',
  ),
  'policy.backtest_unknown': entry(
    404,
    'S-2',
    'There is no such backtest',
    'The newest are kept; start it again.',
  ),
  'policy.backtest_running': entry(
    409,
    'S-2',
    'A backtest is under way',
    'Wait until it has ended, or cancel it.',
  ),
  'policy.shadow_running': entry(
    409,
    'S-2',
    'A candidate is in the shadow already',
    'Look at what it has counted, and stop it first.',
  ),
  'policy.shadow_unknown': entry(404, 'S-2', 'No candidate is in the shadow', 'Start one.'),
  'policy.confirmation_invalid': entry(
    409,
    'S-2',
    'This confirmation does not count for the policy candidate',
    'Look at the candidate again; what loosens takes two different people.',
  ),
  'data.schema_invalid': entry(
    422,
    'D-1',
    'The arguments do not fit the schema of the tool',
    'Correct the fields that are named.',
  ),
  'data.schema_unusable': entry(
    403,
    'D-1',
    'The schema of the tool cannot be checked',
    'A person must correct or accept the definition of the tool.',
  ),
  'data.never_sent': entry(
    403,
    'D-3',
    'The arguments hold what must not leave, or what could not be looked at',
    'Leave it out. Settings name what is never sent (sensitive.neverSent); arguments that are too large to be looked at are sent in parts.',
  ),
  'data.output_refused': entry(
    403,
    'D-4',
    'What the call says is not sent: settings hold it back',
    'Say it otherwise: the detail names what was found. Settings name thresholds, links and rules (output).',
  ),
  'data.memory_refused': entry(
    403,
    'D-2',
    'What the call would leave for agents to read later is not kept: settings hold it back',
    'Write it without orders to whoever reads it, and once: the detail names what was found. Settings say what is done with it (memory).',
  ),
  'data.masked_invalid': entry(
    502,
    'D-3',
    'The result holds what this agent may not read, or could not be looked at as a whole, and cannot be given without it',
    'A person may let this level read it (sensitive.masked), or the tool may answer without it; the action has happened.',
  ),
  'data.token_unknown': entry(
    404,
    'D-3',
    'There is no such token for this caller, or its time is over',
    'A token counts in the session that read it, for arguments that settings name (sensitive.tokens), until its value is erased. Read it again.',
  ),
  'data.stream_cut': entry(
    502,
    'D-3',
    'The stream was cut: it held what this agent may not read or be told, or could not be looked at',
    'A person may let this level read it (sensitive.masked, injection.withheld), or the service may send it in one event or line, where it is masked; the action has happened.',
  ),
  'data.uninspected': entry(
    502,
    'D-3',
    'The result holds bytes that nobody can look into, and this agent gets none',
    'A person may let this level have them (sensitive.uninspected); the action has happened.',
  ),
  'data.injection_withheld': entry(
    403,
    'D-2',
    'The result reads like orders to the agent, and is not given to an agent of this level',
    'A person can look at it in the record of the action, and correct the source; settings say who is given such results (injection.withheld). The action has happened.',
  ),
  'data.source_above_level': entry(
    403,
    'D-2',
    'The result says of itself that it is more confidential than the index that it comes from, and is not given',
    'Take it out of that index, or register the index with its level: `atf source list`. The action has happened.',
  ),
  'data.output_invalid': entry(
    502,
    'D-4',
    'The tool answered something that does not fit its own schema or the registered one',
    'Tell the people who run the tool, or correct the registered one (atf tool classify --output-schema); the action may have happened.',
  ),
  'maturity.approval_required': entry(
    403,
    'S-2',
    'A person must approve this call',
    'Wait for the approval, then repeat the same call or ask with atf_approval_result.',
  ),
  'maturity.approval_running': entry(
    409,
    'S-2',
    'The approved call is running',
    'Do not repeat it; ask again later with atf_approval_result.',
  ),
  'maturity.approval_rejected': entry(
    403,
    'S-2',
    'A person rejected this call',
    'Do not repeat it; read the reason and change the plan.',
  ),
  'maturity.approval_expired': entry(403, 'S-2', 'The approval has expired', 'Ask again with a new call.'),
  'maturity.approval_outcome_unknown': entry(
    409,
    'S-2',
    'The approved call was released once and its outcome is unknown',
    'Do not repeat it blindly: a person must look at the target system.',
  ),
  'approvals.not_found': entry(
    404,
    undefined,
    'There is no such approval',
    'List the approvals with `atf approvals list`.',
  ),
  'approvals.review_not_found': entry(
    404,
    'D-4',
    'There is no such review',
    'List the reviews with `atf review list`.',
  ),
  'approvals.review_changed': entry(
    409,
    'D-4',
    'The review was decided already, or is not about these calls',
    'Look at it again.',
  ),
  'approvals.review_unseen': entry(
    409,
    'D-4',
    'These calls were not shown to you, or too long ago',
    'Open the review again: what is confirmed is what it has just shown.',
  ),
  'approvals.not_waiting': entry(
    409,
    undefined,
    'This approval is not waiting any more',
    'Look at its state.',
  ),
  'approvals.digest_mismatch': entry(
    409,
    undefined,
    'What you saw is not what would run',
    'Load the approval again and look at it before you decide.',
  ),
  'approvals.own_request': entry(
    403,
    undefined,
    'Nobody approves their own request',
    'Another approver must decide.',
  ),
  'approvals.approver_invalid': entry(
    422,
    'S-2',
    'Nobody who was named could approve this',
    'Name a registered person who may decide about this agent, or a role that somebody holds; or leave the choice open.',
  ),
  'approvals.queue_full': entry(
    429,
    'S-3',
    'Too many calls of this agent wait for a person',
    'Wait until some are decided.',
  ),
  'audit.record_unavailable': entry(
    503,
    'B-1',
    'The action cannot be recorded, so it is not done',
    'Operators: check the disk of the gateway.',
  ),
  'audit.spool_full': entry(503, 'B-1', 'Too many records wait to be written', 'Try again shortly.'),
  'audit.record_too_large': entry(
    413,
    'B-1',
    'The record of this action would be too large',
    'Send less at once.',
  ),
  'audit.batch_invalid': entry(
    422,
    'B-1',
    'The batch of records is not valid',
    'The gateway must send the exact signed batch.',
  ),
  'audit.batch_out_of_order': entry(
    409,
    'B-1',
    'The batch does not follow the records that control has',
    'The gateway must ship from the position that is named.',
  ),
  'audit.gateway_forked': entry(
    409,
    'B-1',
    'The gateway sent two different records for one position',
    'Operators: stop this gateway and look into it; enrol it again with a new key.',
  ),
  'audit.log_damaged': entry(
    500,
    'B-1',
    'The log does not match what was signed',
    'Restore the log directory and the database from one backup; see docs/how-to/recover-the-log.md.',
  ),
  'audit.sequencer_fenced': entry(
    500,
    'B-1',
    'Another control plane writes this log now',
    'Nothing to do: one writes, the others only read.',
  ),
  'audit.log_shorter': entry(
    500,
    'B-1',
    'The log is shorter than its last signed checkpoint',
    'Restore the missing tiles from a copy; see docs/how-to/recover-the-log.md.',
  ),
  'audit.witness_policy_invalid': entry(
    500,
    'B-1',
    'The policy of the witnesses cannot be used',
    'Correct the file that names the witnesses; see docs/how-to/witness-the-log.md.',
  ),
  'audit.not_cosigned': entry(
    503,
    'B-1',
    'No quorum of witnesses has cosigned this record yet',
    'Try again shortly; atf audit status says which witnesses are missing.',
  ),
  'audit.past_unknown': entry(
    422,
    'B-1',
    'What was in force at that moment cannot be made again',
    'Ask about a later moment, or read the recorded decisions of that time (atf activity).',
  ),
  'audit.not_found': entry(404, 'B-1', 'There is no such record', 'Check the id.'),
  'execution.permit_invalid': entry(
    403,
    'I-2',
    'The permit is not one for this action',
    'Send the permit that the gateway gave for exactly this action, from the same instance.',
  ),
  'execution.outcome_settled': entry(
    409,
    'B-1',
    'The outcome of this action is on record already',
    'Report each action once; a new action needs a new request.',
  ),
  'execution.not_executed': entry(
    409,
    'R-2',
    'Something changed between decision and execution, so nothing was done',
    'Try again; the call is then decided afresh.',
  ),
  'upstream.unavailable': entry(
    502,
    undefined,
    'The tool server cannot be reached or has crashed',
    'Try again later; operators: look at the tool server.',
  ),
  'upstream.timeout': entry(
    504,
    undefined,
    'The tool server did not answer in time; the outcome is unknown',
    'Do not repeat a change blindly; look at the target first.',
  ),
  'upstream.protocol_error': entry(
    502,
    undefined,
    'The tool server answered something that is not the protocol',
    'Operators: look at the tool server.',
  ),
  'upstream.result_too_large': entry(
    502,
    'D-4',
    'The result of the tool is larger than allowed',
    'Ask for less at once.',
  ),
  'upstream.call_refused': entry(
    502,
    undefined,
    'The tool server refused the call as a message of the protocol',
    'Correct the call; operators: look at the tool server.',
  ),
  'upstream.input_missing': entry(
    422,
    undefined,
    'The tool needs something from the side of the agent that it did not get',
    'Give what the tool asks for; an administrator says what a server may ask for with `atf tool may-ask`.',
  ),
  'upstream.aborted': entry(
    409,
    'R-2',
    'The call to the tool server was cut; the outcome is unknown',
    'Do not repeat a change blindly; look at the target first.',
  ),
  'upstream.elsewhere': entry(
    409,
    'B-2',
    'The call was released to somebody else who runs it; what came of it is not known here',
    'Ask whoever runs it; an enforcement point reports no outcomes.',
  ),
  'request.malformed': entry(400, 'D-1', 'The request is malformed', 'See the detail.'),
  'request.capability_missing': entry(
    400,
    undefined,
    'The tool needs something that this client did not declare',
    'Use a client that offers what is named, or call the tool without it.',
  ),
  'request.state_unknown': entry(
    400,
    'D-1',
    'There is no such request under way, or it is not this one',
    'Send the request again without requestState and inputResponses.',
  ),
  'request.task_unknown': entry(
    404,
    'D-1',
    'There is no such task',
    'Send the call again. A task ends with its approval; one whose call ran at once is kept for a short time, at one gateway.',
  ),
  'request.task_ended': entry(
    409,
    'D-1',
    'This task cannot be cancelled any more',
    'Ask for its result. What was released and runs comes to its end.',
  ),
  'request.too_large': entry(413, 'D-1', 'The request is too large', 'Send less at once.'),
  'request.batch_refused': entry(400, 'D-1', 'Batches are not accepted', 'Send one message per request.'),
  'request.header_mismatch': entry(
    400,
    'D-1',
    'Headers and body name different things',
    'Send headers that equal the body.',
  ),
  'request.method_refused': entry(
    404,
    'S-2',
    'This method is not governed yet and is refused',
    'Use tools/list and tools/call.',
  ),
  'request.method_not_allowed': entry(
    405,
    undefined,
    'This address does not accept this method',
    'Send each message as its own POST; GET opens an event stream of the older revisions. There are no sessions to end.',
  ),
  'request.media_type_unsupported': entry(
    415,
    'D-1',
    'The media type is not served',
    'Send application/json and accept application/json.',
  ),
  'request.origin_refused': entry(
    403,
    'D-1',
    'The request comes from a web page that is not allowed here',
    'Agents send no Origin header; operators can allow an origin.',
  ),
  'request.version_unsupported': entry(
    400,
    undefined,
    'This version of the protocol is not served',
    'Use one of the versions that are named.',
  ),
  'request.not_found': entry(
    404,
    undefined,
    'There is nothing at this address',
    'See /openapi.json for what there is.',
  ),
  'request.overloaded': entry(503, 'S-3', 'Too many requests at once', 'Try again shortly.'),
  'internal.fault': entry(
    500,
    undefined,
    'An unexpected fault; the action was refused',
    'Operators: see the log, with the id that is named.',
  ),
  'feed.gateway_too_old': entry(
    426,
    undefined,
    'This gateway is too old for this control plane',
    'Upgrade the gateway: control takes gateways of its own version and of the one before.',
  ),
  'feed.gateway_too_new': entry(
    426,
    undefined,
    'This gateway is newer than this control plane',
    'Upgrade control first, every replica of it; gateways follow.',
  ),
  'storage.locked': entry(
    500,
    undefined,
    'The data directory is in use by another process',
    'Stop the other one or choose another directory with --data.',
  ),
  'storage.unwritable': entry(
    500,
    undefined,
    'The data directory cannot be written',
    'Correct its rights or choose another with --data.',
  ),
  'storage.port_taken': entry(
    500,
    undefined,
    'The port is in use',
    'Choose another with --control-port or --gateway-port.',
  ),
  'storage.database_unreachable': entry(
    500,
    undefined,
    'The PostgreSQL server cannot be used',
    'Check DATABASE_URL (host, port, database, user, password), and that the server takes connections from here.',
  ),
  'storage.lead_lost': entry(
    500,
    undefined,
    'Another control replica leads now',
    'Nothing to do: the one that leads does the work, and this one serves on.',
  ),
  'storage.newer': entry(
    500,
    undefined,
    'The data directory was written by a newer version',
    'Start the newer version, or restore the backup that was taken before the upgrade.',
  ),
  'storage.not_empty': entry(
    500,
    undefined,
    'The place to write into is not empty',
    'Name an empty directory and an empty database; nothing that is there is ever written over.',
  ),
  'storage.nothing_here': entry(
    500,
    undefined,
    'There is nothing to back up',
    'Name the data directory with --data, or the PostgreSQL with DATABASE_URL.',
  ),
  'storage.backup_damaged': entry(
    500,
    undefined,
    'The backup is not whole, or was changed after it was taken',
    'Use another copy of it; see docs/how-to/back-up-and-restore.md.',
  ),
  'storage.key_exposed': entry(
    500,
    undefined,
    'Other users can read the key file',
    'Set its mode to 0600, and change the key if somebody may have read it.',
  ),
  'storage.key_missing': entry(
    500,
    undefined,
    'The key that protects this data directory is missing or wrong',
    'Give the key file with --key-file or the key in ATF_KEY.',
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errors;

/** A refusal is a value. `detail` is public text without matched content; `policies` are determining policy ids. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly detail?: string;
  readonly policies?: readonly string[];
  /** Milliseconds after which trying again makes sense. */
  readonly retryAfterMs?: number;
}

export function refusal(
  code: ErrorCode,
  detail?: string,
  more: Omit<Refusal, 'code' | 'detail'> = {},
): Refusal {
  return detail === undefined ? { code, ...more } : { code, detail, ...more };
}

/** RFC 9457 problem document, the one public form of a refusal on HTTP. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly requirement?: string;
  readonly detail?: string;
  readonly help: string;
  readonly policies?: readonly string[];
  readonly retryAfterMs?: number;
}

export function problemOf(refused: Refusal): Problem {
  const { status, title, help, requirement } = errors[refused.code] as ErrorEntry;
  const { code, ...more } = refused;
  return {
    type: `urn:atf:error:${code}`,
    title,
    status,
    code,
    ...(requirement === undefined ? {} : { requirement }),
    help,
    ...more,
  };
}

/** Carries a refusal through code that can only throw (HTTP handlers, transactions). The edge turns it into a problem. */
export class RefusalError extends Error {
  readonly refusal: Refusal;
  constructor(refused: Refusal) {
    super(refused.code);
    this.name = 'RefusalError';
    this.refusal = refused;
  }
}

export function refuse(code: ErrorCode, detail?: string, more: Omit<Refusal, 'code' | 'detail'> = {}): never {
  throw new RefusalError(refusal(code, detail, more));
}
