// The words that are written on things. Which of them are held out, `splitOfWord` says.
import type { Random } from '@ps3js/tensor'
import { pick, splitOfWord } from './splits.ts'
import type { Split } from './types.ts'

const list = (words: string): string[] => words.trim().split(/\s+/)

/** Words by what they are written on. Every list has some of both splits: a test counts. */
export const WORDS = {
  road: list(`STOP YIELD EXIT ENTRY DETOUR SLOW MERGE DEPOT HARBOUR CENTRE AIRPORT STATION PARKING TOLL BRIDGE TUNNEL
    SCHOOL HOSPITAL FERRY MARKET STADIUM MUSEUM ZOO BEACH NORTH SOUTH EAST WEST CROSSING CAMPUS LIBRARY GARAGE ARENA
    CASTLE VALLEY SUMMIT LAKESIDE FOREST QUARRY MILL ABBEY TAXI BUS TRAM LOADING DELIVERY VISITORS STAFF CLOSED WORKS
    FLOOD ICE GRAVEL CATTLE DEER CYCLES LORRIES`),
  street:
    list(`Maple Cedar Willow Birch Chestnut Walnut Juniper Laurel Hawthorn Magnolia Poplar Linden Rowan Sycamore
    Orchard Meadow River Church Station Mill Castle Garden Spring Summer Winter Sunset Harbour Bridge Canal Temple Abbey
    Victoria Albert Newton Darwin Kepler Curie Tesla Baker Fisher Mason Weaver Potter Shepherd Miller`),
  shop: list(`BAKERY FLORIST PHARMACY BOOKS TOYS SHOES COFFEE PIZZA SUSHI NOODLES TACOS BURGERS BARBER OPTICIAN JEWELLER
    BUTCHER GROCERY DELI HOTEL HOSTEL CINEMA THEATRE BANK LAUNDRY TAILOR CYCLES MUSIC GUITARS PIANOS ANTIQUES GALLERY
    CARPETS LAMPS TEA WINE CHEESE CHOCOLATE SWEETS ICECREAM FISH SALON SPA GYM YOGA DENTIST VET PETS GARDEN TOOLS PAINT
    HARDWARE STATIONERY PRINTS CAMERAS PHONES REPAIRS OPEN SALE`),
  goods:
    list(`TEA COFFEE SUGAR SALT FLOUR RICE PASTA OATS HONEY JAM COCOA PEPPER CUMIN BASIL THYME SAGE MINT GINGER
    PAPRIKA CURRY VINEGAR OIL SOAP BLEACH STARCH YEAST BEANS LENTILS PEAS CORN TOMATO OLIVES PICKLES TUNA SARDINES MILK
    BUTTER CREAM YOGURT JUICE LEMON CHERRY PLUM PEACH APRICOT MANGO ALMONDS WALNUTS RAISINS BISCUITS CRACKERS CEREAL
    MUESLI BROTH STOCK MUSTARD KETCHUP SYRUP VANILLA SAFFRON`),
  note: list(`Dentist Milk Call Mum Gym Rent Keys Party Plumber Passport Flight Exam Homework Laundry Taxes Eggs Bread
    Library Meeting Birthday Vet Recycling Garden Piano Soccer Dinner Train Tickets Doctor Paint Batteries Stamps Parcel
    Holiday Bicycle Guitar Wedding Cinema Breakfast Swimming`),
  title:
    list(`Ocean Desert Mountain Island Comet Galaxy Dragon Falcon Tiger Raven Shadow Silver Golden Crystal Winter
    Autumn Midnight Morning Journey Voyage Secret Hidden Forgotten Ancient Modern Garden Kingdom Empire Castle Tower
    Harbour Lantern Mirror Clockwork Thunder Lightning Storm River Bridge Engine Atlas Compass Physics Chemistry History
    Poetry Cooking Astronomy Botany Geometry`),
  action:
    list(`Save Cancel Open Close Delete Edit Copy Paste Undo Redo Print Share Send Reply Forward Archive Search
    Filter Sort Refresh Upload Download Install Update Restart Login Logout Register Submit Continue Back Next Finish
    Apply Reset Import Export Rename Move Merge Split Zoom Rotate Crop Record Pause Resume Mute Connect Pair Scan Sync
    Backup Restore Checkout Subscribe Accept Decline Confirm Skip Help`),
  thing:
    list(`Inbox Outbox Drafts Photos Music Videos Documents Downloads Projects Reports Invoices Budget Calendar
    Contacts Tasks Notes Settings Network Battery Display Sound Keyboard Mouse Printer Account Privacy Security Storage
    Memory Profile Billing Orders Customers Products Analytics Dashboard Team Messages Alerts History Favourites Trash
    Terminal Browser Editor Gallery Weather Maps Clock Wallet Backups`),
  game: list(`QUEST LEVEL BOSS SCORE COMBO SHIELD ARMOR MAGIC POTION MANA STAMINA TREASURE DUNGEON ARENA VICTORY DEFEAT
    PAUSED BONUS STAGE ROUND LIVES COINS GEMS AMMO FUEL TURBO NITRO RADAR MISSION TARGET RESPAWN CHECKPOINT INVENTORY
    CRAFT TRADE GUILD PARTY RANK WAVE SURVIVAL TITAN PHOENIX GOBLIN WIZARD KNIGHT ARCHER ROGUE DRUID PALADIN RANGER`),
  name: list(`Alice Bruno Clara David Elena Felix Greta Hugo Irene Jonas Karin Leon Maria Nadia Oscar Paula Quentin Rosa
    Simon Tanja Ursula Victor Wanda Xavier Yvonne Zoe Adam Bella Carlos Dora Emil Fiona Gustav Helen Ivan Julia Kevin
    Laura Martin Nora Otto Petra Ralph Sarah Thomas Vera Walter`),
  noun: list(`market report river harvest engine council library teacher doctor journey village weather signal mountain
    budget project museum student factory bridge garden contract customer product service measure result station
    picture letter region island forest captain system theory answer question morning evening machine winter summer
    window kitchen building company office history culture science music language paper network water energy traffic
    street airport harbour festival election minister scientist painter farmer driver sailor`),
  verb: list(`opened closed reached crossed followed visited measured reported improved reduced doubled changed finished
    started promised refused offered accepted carried painted repaired designed planned tested counted described
    explained announced welcomed replaced restored protected discovered recorded studied compared collected supported
    delivered ordered prepared returned expected noticed`),
  adjective:
    list(`quiet bright early late narrow broad local public private modern ancient simple careful sudden annual
    daily weekly foreign northern southern eastern western heavy gentle bitter golden silver famous hidden useful
    empty crowded distant steady rapid friendly serious curious generous remote fresh frozen solid`),
} as const satisfies Record<string, string[]>

export type WordList = keyof typeof WORDS

/** Small words that tie sentences together: the only ones that both splits write. */
export const SHARED_WORDS = list('the a an of and in to for with by on at from Street Road')

/** A word of the list and the split. */
export function pickWord(random: Random, from: WordList, split: Split): string {
  return pick(
    random,
    WORDS[from].filter((word) => splitOfWord(word) === split),
  )
}

/** A different word from each list, side by side. */
export function pickWords(random: Random, split: Split, ...from: WordList[]): string {
  const words: string[] = []
  for (const list of from) {
    let word = pickWord(random, list, split)
    while (words.includes(word)) word = pickWord(random, list, split)
    words.push(word)
  }
  return words.join(' ')
}

/** "a sign", "an orange sign". */
export const withArticle = (phrase: string): string => `${/^[aeiou]/.test(phrase) ? 'an' : 'a'} ${phrase}`

/** Draws until the drawn text belongs to the split: for numbers, prices and codes, of which there are enough. */
export function pickText(random: Random, split: Split, draw: (random: Random) => string): string {
  for (;;) {
    const text = draw(random)
    if (text.split(/\s+/).every((word) => splitOfWord(word) === split)) return text
  }
}

const LETTERS = 'ABCDEFGHJKLMNPRSTUVWXYZ'
const letter = (random: Random) => LETTERS[random.integer(LETTERS.length)]!

/** What has digits in it. */
export const CODES = {
  plate: (random: Random): string =>
    `${letter(random)}${letter(random)}${letter(random)}-${100 + random.integer(900)}`,
  number: (random: Random): string => String(2 + random.integer(997)),
  price: (random: Random): string =>
    `${1 + random.integer(99)}.${String(5 * random.integer(20)).padStart(2, '0')}`,
  score: (random: Random): string => String(100 * (1 + random.integer(9999))),
  time: (random: Random): string =>
    `${String(random.integer(24)).padStart(2, '0')}:${String(random.integer(60)).padStart(2, '0')}`,
  date: (random: Random): string =>
    `${1 + random.integer(28)}.${1 + random.integer(12)}.${1990 + random.integer(45)}`,
  phone: (random: Random): string => `555-${1000 + random.integer(9000)}`,
  invoice: (random: Random): string => `${letter(random)}${letter(random)}${10000 + random.integer(90000)}`,
} as const

/** "The quiet market opened a bridge in the village.": a sentence of eight to eleven words. */
export function sentence(random: Random, split: Split): string {
  const word = (from: WordList) => pickWord(random, from, split)
  const subject = `the ${word('adjective')} ${word('noun')}`
  const object = random.integer(2)
    ? `the ${word('noun')}`
    : withArticle(`${word('adjective')} ${word('noun')}`)
  const place = `${pick(random, ['in', 'by', 'at', 'from', 'with'])} the ${word('noun')}`
  const text = `${subject} ${word('verb')} ${object} ${place}.`
  return text[0]!.toUpperCase() + text.slice(1)
}
