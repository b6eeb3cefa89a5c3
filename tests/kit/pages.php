<?php
// The pages of serve.php.
namespace App;

use Symfony\Bundle\FrameworkBundle\Controller\AbstractController;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\Mercure\HubInterface;
use Symfony\Component\Mercure\Update;
use App\Mercure\MercureTopicVoter;

final class Pages extends AbstractController
{
    /** The page of a user: who is logged in is told by ?as=, and stays so in the session. */
    public function page(Request $request): Response
    {
        return $this->render('page.html.twig', ['topics' => [MercureTopicVoter::topicOf($request->query->get('of', 'jane'))]]);
    }

    public function signed_out(): Response
    {
        return new Response('<!DOCTYPE html><title>Signed out</title><p>Signed out');
    }

    public function publish(Request $request, HubInterface $hub): Response
    {
        $topic = MercureTopicVoter::topicOf($request->query->get('of', 'jane'));

        return new Response($hub->publish(new Update($topic, $request->query->get('text'), true, null, $request->query->get('kind') ?: null)));
    }

    public function download(): Response
    {
        return new Response('a file', 200, ['Content-Type' => 'application/octet-stream', 'Content-Disposition' => 'attachment; filename="a.bin"']);
    }

    /** A hub that ends each stream at once. */
    public function loop(): Response
    {
        return new Response("retry: 0\n\n", 200, ['Content-Type' => 'text/event-stream']);
    }

    public function asset(string $name): Response
    {
        return new Response(file_get_contents(getenv('PROJECT').'/assets/'.$name), 200, ['Content-Type' => 'text/javascript']);
    }

    public function fragment(): Response
    {
        return $this->render('fragment.html.twig', ['topics' => [MercureTopicVoter::topicOf('jane')]]);
    }
}
