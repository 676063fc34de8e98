/**
 * Letters of other scripts that look like Latin ones (the part of Unicode's confusables, UTS 39, that is used to disguise English words): Cyrillic, Greek,
 * Armenian, Cherokee and a few letters of Latin Extended.
 */
const alikes =
  'аaвbсcԁdеeɡgһhіiјjкkӏlмmпnոnоoрpԛqгrѕsтtսuѵvԝwхxуyАAВBСCЕEҒFԌGНHІIЈJКKМMОOРPԚQЅSТTѴVԜWХXУYΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXαaβbγyεeιiκkνvοoρpτtυuχxωwıiƖlǀlցgհhոnօoսuцuԀdᎪAᏴBᏟCᎠDᎬEᏀGᎻHᎥiᎫJᏦKᏞLᎷMᏢPᏚSᎢTᏙVᎳWᏃZ';
const table = new Map<string, string>();
for (let at = 0; at + 1 < alikes.length; at += 2) table.set(alikes.charAt(at), alikes.charAt(at + 1));

/** The Latin letter that this one looks like. */
export const latinOf = (char: string): string | undefined => table.get(char);
