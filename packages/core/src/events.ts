/** The catalogue of recorded events: `room.subject_verbed`. `docs/events.md` lists the same names (a test compares both). */

export const events = {
  'action.intent':
    'An action was decided and is about to run (or waits, or was refused): written before anything happens.',
  'action.outcome': 'What came of an intent: done, failed, aborted, not_executed or unknown.',
  'action.reported_late':
    'A program reported what came of an action after its outcome had been recorded as unknown or cut.',
  'action.input_asked':
    'A tool server asked the agent for something while a call ran; what it asked for is sealed with it.',
  'action.input_given':
    'What the agent answered to a tool server, sealed; recorded before the server got it.',
  'action.intent_doubted':
    'After a read the judge of intents did not see what it was for, or could not be asked; a person decides about what that instance changes next.',
  'action.subscribed': 'An agent asked to be told when a resource changes.',
  'action.refused': 'A call was refused; nothing ran.',
  'action.asked': 'A call waits for a person.',
  'action.refusals_counted': 'Refusals of unauthenticated callers, counted per source and minute.',
  'identity.agent_registered': 'An agent or a new version of it was registered.',
  'identity.join_token_issued': 'A one-time join token was issued.',
  'identity.instance_enrolled': 'An instance proved possession of its key and got its first credential.',
  'identity.instance_revoked': 'An instance was revoked.',
  'identity.sessions_revoked': 'All sessions of an agent were revoked.',
  'identity.task_given': 'A person gave an agent a task, in words that are sealed.',
  'identity.task_declared':
    'A host application declared the task of a session of an agent, in words that are sealed, for a person whom it refers to.',
  'identity.task_extended': 'Who gave or declared a task added to its words.',
  'identity.task_taken': 'A session of the agent works on a task from now on.',
  'identity.task_ended': 'A task was ended, and with it the session that worked on it.',
  'identity.task_delegated': 'An agent gave another agent a piece of its work, in words that are sealed.',
  'identity.delegation_refused': 'An agent was refused to start another one.',
  'identity.delegation_taken': 'A session of an agent works for another agent from now on.',
  'identity.gateway_enrolled': 'A gateway was enrolled.',
  'identity.gateway_address_set': 'A gateway told under which address agents know it.',
  'identity.gateway_revoked': 'A gateway was revoked.',
  'identity.key_created': 'A key of the product was created.',
  'identity.host_registered': 'A host application was registered, with its agents and who answers for it.',
  'identity.host_revoked': 'A host application may declare nothing any more; its tasks ended.',
  'identity.point_registered': 'An enforcement point of others was registered, with what it may ask about.',
  'identity.point_revoked': 'An enforcement point may ask nothing any more.',
  'people.person_added': 'A person was registered.',
  'people.link_issued':
    'Somebody made a one-time sign-in link for a person: whoever opens it signs in as that person.',
  'people.signed_in': 'A person signed in.',
  'people.passkey_added': 'A person registered a passkey.',
  'people.passphrase_set': 'A person set a passphrase.',
  'people.clearance_granted': 'A person who answers for security cleared one exact request of somebody.',
  'people.clearance_used': 'A cleared request was carried out.',
  'people.presence_confirmed': 'A person confirmed presence for one decision.',
  'segmentation.server_registered': 'A tool server was registered.',
  'segmentation.tools_defined': 'A person said which tools a cooperative server or an HTTP service has.',
  'segmentation.credential_set':
    'The credential with which the gateway makes itself known to an HTTP service was set, replaced or taken away.',
  'segmentation.server_may_ask_set':
    'A person said what a tool server may ask agents for while their calls run.',
  'segmentation.tool_discovered': 'A tool was discovered for the first time.',
  'segmentation.tool_quarantined':
    'A tool was quarantined because its definition is new, renamed or changed.',
  'segmentation.tool_accepted': 'A person accepted a definition.',
  'segmentation.tool_classified': 'A person corrected the classification of a tool.',
  'segmentation.agent_throttled':
    'An agent made more than twice as many calls in an hour as usual; its rate is held down until the hour ends.',
  'segmentation.rate_followed':
    'The rate of a Principal follows what is usual for it: another figure, a raise that did not come, or none any more.',
  'segmentation.boundary_widened': 'A Principal widened a boundary for a time, within what policy offers.',
  'segmentation.boundary_narrowed':
    'A widened boundary ended: its time was over, a person ended it, or what it rested on changed.',
  'segmentation.labels_lowered':
    'A person lowered the labels of what an instance, or whoever works on a task, has read.',
  'segmentation.source_registered': 'A person registered a retrieval source, or moved it to another index.',
  'segmentation.source_removed': 'A person said that something is no retrieval source any more.',
  'segmentation.blend_granted': 'A person let an agent bring indexes together until a day.',
  'segmentation.blend_ended': 'A person ended such a grant before its day.',
  'segmentation.throttle_ended': 'A throttle ended: its hour was over, or a person lifted it.',
  'segmentation.tool_removed': 'A server stopped offering a tool.',
  'data.input_drifted':
    'What an agent reads from a source is no longer what it was: other languages, lengths, labels or words; told once.',
  'data.index_mixed':
    'Results of a retrieval source said that they are more confidential than its index; they were withheld.',
  'data.source_doubted':
    'A retrieval source is trusted less than settings ask for: what it answers counts as written by anybody.',
  'data.lineage_asked':
    'Somebody asked where something came from, what it has touched, or which records hold a value; the value is not recorded.',
  'data.values_kept':
    'Values in a result became tokens; control keeps them sealed until the time that is named.',
  'data.values_given': 'Tokens in arguments of a call were turned back into values for its tool.',
  'data.value_revealed': 'A person, present, looked at the value behind a token.',
  'data.value_forgotten': 'Somebody erased the value behind a token.',
  'policy.set_proposed': 'Somebody proposed a policy set as the next version; it is not in force by that.',
  'policy.set_confirmed': 'A person, present, confirmed exactly the policy set that was proposed.',
  'policy.backtest_started':
    'Somebody had recorded decisions made again under a candidate or at another level; nothing ran.',
  'policy.shadow_started': 'Gateways ask a candidate beside the set in force, and count; it decides nothing.',
  'policy.shadow_stopped': 'Somebody ended the shadow before its time.',
  'policy.set_activated': 'A policy set became the one in force.',
  'policy.application_activated': 'An application set became the one in force under its name.',
  'policy.question_answered':
    'An enforcement point asked an application set; the question is sealed, the answer and its policies are not.',
  'maturity.level_bootstrapped':
    'An example agent got its level without evidence; marked, example workspaces only.',
  'maturity.ceiling_set': 'A temporary ceiling on the level was set or lifted.',
  'approvals.requested': 'A call was stored for a person to decide.',
  'approvals.approved': 'A person approved exactly one call.',
  'approvals.rejected': 'A person rejected a call.',
  'approvals.redeemed': 'An approval was consumed; its call is released once.',
  'approvals.finished': 'The outcome of an approved call was stored.',
  'approvals.expired': 'An approval expired.',
  'approvals.voided': 'An approval was voided by a stop.',
  'approvals.review_confirmed': 'A person looked at calls afterwards, and they are right.',
  'approvals.review_objected': 'A person looked at calls afterwards, and something in them is wrong.',
  'approvals.review_overdue': 'Nobody has looked in time at calls that are to be looked at.',
  'approvals.withdrawn': 'An agent gave up a call that was not released yet.',
  'incident.containment_set': 'Somebody or something stopped an agent, an owner, a tool or the fleet.',
  'incident.session_over': 'A stopped session ended by itself; its stop is no longer needed.',
  'incident.containment_lifted':
    'A person resumed what was stopped, or a stop file of a gateway host stops it no longer.',
  'incident.kill_measured': 'Gateways confirmed a stop; with times and aborted calls.',
  'notification.sent': 'People were told what an agent did and why.',
  'notification.delivered': 'A message about one or more notifications reached its target.',
  'notification.dead_lettered': 'A message was given up after all attempts; it waits for a person.',
  'notification.acknowledged': 'A person took note of a notification.',
  'notification.target_added': 'Somebody added a target of notifications.',
  'notification.target_removed': 'Somebody removed a target of notifications.',
  'audit.log_opened': 'The log was opened.',
  'audit.log_restored':
    'The product was restored from a backup: the log goes on under a new origin, and names the one it continues with its last checkpoint.',
  'audit.spool_imported': 'A person brought records of a revoked gateway, as it had sealed them.',
  'audit.gap_recorded': 'Records of a gateway are missing; the gap is on record.',
  'audit.gateway_forked': 'A gateway sent two different records for one position.',
  'audit.witness_disagreed':
    'A witness refused the history of the log, remembers more of it, or forgot what it cosigned.',
  'audit.payload_erased': 'The encrypted content of a record was erased.',
} as const;

export type EventName = keyof typeof events;
