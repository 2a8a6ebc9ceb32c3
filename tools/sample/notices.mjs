// What hangs on the sample picture's board: where each notice is and what it says. All text is made up for it.
import { clinic, coinCard, newsletter, polaroid, stickyNote, ticket } from './cards.mjs'
import { cafe, deepField, launch, lecture, lostCat, timetable } from './posters.mjs'

/** Everything on the board, back to front, as SVG. */
export async function notices(photos, prose) {
  const parts = [
    deepField(photos.hubble, await catalogue(prose)),
    launch(photos.rocket),
    cafe(photos.coffee),
    lecture(photos.astronaut, await talkText(prose)),
    timetable(),
    lostCat(photos.cat),
    newsletter(photos.grass, await newsText(prose)),
    coinCard(photos.coins),
    clinic(photos.retina),
    polaroid(photos.camera),
    stickyNote(),
    ticket(),
  ]
  return parts.join('\n')
}

function catalogue(prose) {
  return prose(
    'The <b>eXtreme Deep Field</b> adds up ten years of exposures of one patch of sky in Fornax, smaller than a grain of ' +
      'sand held at arm’s length. Almost every smudge of light is a galaxy of its own; the reddest ones are seen as they ' +
      'were when the universe was a twentieth of its present age. Look closely: the print is two metres wide in the hall, ' +
      'and visitors who bring a magnifier may count for themselves. Last year’s winner found 1,147 in the upper left ' +
      'quarter alone. <i>Counting sheets are on the table below; please return the pencils.</i>',
    { width: 940, size: 19, color: '#cfd6ea' },
  )
}

function talkText(prose) {
  return prose(
    'How does a pilot read four hundred switches? By never looking at all of them. An evening on attention, checklists and ' +
      'the art of knowing where to look next, with original panels from the simulator that you may touch. Questions are ' +
      'welcome; the bar opens at half past eight. Children under twelve come free with anyone taller than they are.',
    { width: 540, size: 17 },
  )
}

function newsText(prose) {
  const columns = [
    'The committee thanks everybody who carried chairs in October. The roof no longer leaks, with one exception, which is ' +
      'now over the umbrella stand. The heating will be off from the 3rd to the 5th while the boiler, installed in 1961, is ' +
      'replaced by something that fits in a cupboard. Bring a coat.\n\nSeven new telescopes have arrived from the school ' +
      'on Mill Lane, which has closed its observatory. Two have mirrors in need of silvering; volunteers with steady hands ' +
      'may leave their names at the desk. The large refractor stays where it is, as no door is wide enough.\n\nBooks borrowed ' +
      'before 1998 may be returned without a fine until the end of the month. After that the fine is one biscuit per year.\n\n' +
      'The clock in the stairwell is right again. Whoever set it to eleven minutes past has been thanked and asked to stop.',
    '<b>From the garden.</b> The lawn behind the dome has been left long for the bees. Please keep to the mown path, and do ' +
      'not feed the fox, whatever it tells you. Clover, self-heal and bird’s-foot trefoil were counted in June; the list ' +
      'hangs in the shed.\n\n<b>Lost and found.</b> One left glove (green), three lens caps (52, 58 and 77 mm), a very small ' +
      'key with the number 4407, a violin bow. Ask for Marit.\n\n<b>Next meeting:</b> Thursday, 7 pm, in the reading room. ' +
      'Minutes of the last one fill eleven pages and can be read by anyone with the time.',
  ]
  return Promise.all(columns.map((text) => prose(text, { width: 292, size: 14 })))
}
